"""The one error a user causes and can cure."""


class ShotError(Exception):
    """Something in the shot (config, plate, tracks) is not usable.

    `faults` holds one line each: what was found, what was needed, which config key to change.
    """

    def __init__(self, *faults: str):
        super().__init__("\n".join(faults))
        self.faults = faults
