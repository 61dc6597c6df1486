"""Verbs that functions and their docstrings begin with: the imperative, in small letters."""

VERBS = set(
    """
    add adjust adopt advise align allow announce answer append apply arrange ask assemble average await batch beat begin
    believe bend bind blend bound bridge bring build calibrate call carry cast certify chain change check choose claim
    classify clean clear clip close collect combine compare compile complete compose compute conclude configure
    confine connect contradict convert copy count cover create crop cross cut decide decode delete deliver demand
    derive describe detect die digest discard dismiss distort divide doubt draw drop each eliminate emit enable
    encode end enter escape estimate evaluate execute exit explain export extend factor fail feather fetch fill find
    finish fit fix flatten flush follow forget format free gather get give go group grow guard guess halve handle
    hang hash hear hide hold idealise ignore import index inject insert install interpolate invert join judge keep
    lathe launch lay lead leave let lift limit link list listen load locate lock log look lose make manage map mark
    match measure merge mix move multiply name normalise note notice number offer open order orient pack paint pair
    parse paste peek pick pin place plan point polish pose predict prepare print probe project prove publish pull
    put quote raise rank read rebuild recall reclean record reduce refer refine refuse register release reload
    remember remove rename render renew renumber repair replace report resample rescale resolve restore retry return
    revive rotate round run sample save say scale score search see segment select send separate serve set shape
    share shift shorten show sign simplify skip sleep slice smooth solve sort space spell split squeeze stabilize
    start state step stop store stretch strip subtract suggest sum summarise sweep switch take tell test thin time
    touch track transform translate triangulate trim try turn undistort undo unpack unquote unscale unsqueeze unwrap
    update verify view wait walk warn warp watch weigh widen wrap write yield zoom
    """.split()
)
