"""Hydra's `-m` as one doit graph. It lies here because Hydra takes plug-ins only from a package of this name."""

import sys
from collections.abc import Sequence
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, ValueType
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction

from shotmake.tasks.commands.sweep import search
from shotmake.tasks.commands.sweep.hydra_command_line import list_task_words, list_worker_words, run_doit
from shotmake.tasks.commands.sweep.results import find_cost
from shotmake.tasks.engine.stamp import hash_short
from shotmake.tasks.shots import shots, variants_file
from shotmake.tasks.shots.quote_shot_name import quote, with_quotes
from shotmake.tasks.show import get_show_folder, get_state_folder


class OneGraph(Launcher):
    """A Hydra launcher that runs all jobs as one doit run: steps that they share are built once, `jobs` tasks at a
    time.
    """

    def __init__(self, jobs: int):
        self.jobs = jobs

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: Any) -> None:
        """Note the task, and whether Hydra's sweeper searches. doit itself composes each job's config."""
        self.searches = search.is_on(config.hydra)
        self.task = list_task_words(config.hydra.job.name)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> list[JobReturn]:
        """Run doit on all jobs. Return a JobReturn for each: with doit's exit code, or in a search with the cost of the
        job.
        """
        asked = [variants_file.from_words(list(words)) for words in job_overrides]
        path = variants_file.write(get_state_folder() / "hydra" / f"{hash_short(asked)}.json", asked)
        stages = ["solve"] if self.searches else self.task
        code = run_doit(*list_worker_words(self.jobs), *stages, f"variants={path.relative_to(get_show_folder())}")
        values = [find_cost(*one) if self.searches else code for one in asked]
        return [
            JobReturn(list(words), status=JobStatus.COMPLETED, _return_value=value)
            for words, value in zip(job_overrides, values, strict=True)
        ]


class EachVariant(BasicSweeper):
    """Hydra's basic sweeper with two differences: a variant with a broken config fails alone, and a summary of all is
    told.
    """

    def sweep(self, arguments: list[str]) -> None:
        """Run all variants of this command line, then the summary. Exit with the summary's code when it is not 0.

        Without a `shot=` word the sweep is over every shot. With `task=...` there is no summary, and the largest code
        of the jobs is the exit code.
        """
        assert self.hydra_context is not None and self.config is not None  # since setup()
        words = [*(f"{key}={value}" for key, value in self.params.items()), *arguments]
        if not any(word.startswith("shot=") for word in words):  # every shot, as doit does it
            words.append(f"shot={','.join(map(quote, shots.list_shot_names()))}")
        parsed = OverridesParser.create(config_loader=self.hydra_context.config_loader).parse_overrides(words)
        batches = self._split(parsed)
        asked = [variants_file.from_words(words) for batch in batches for words in batch]
        listed = variants_file.write(variants_file.get_folder(asked) / "variants.json", asked)
        GlobalHydra.instance().clear()  # there is room for one Hydra, and composing each variant needs another
        task, first, codes = list_task_words(self.config.hydra.job.name), 0, []
        for batch in batches:
            loaded = shots.load_variants([variants_file.from_words(words) for words in batch])
            good = [words for words, shot in zip(batch, loaded, strict=True) if shot.config is not None]
            for fault in (fault for shot in loaded for fault in shot.faults if task):  # without a task the summary does
                sys.stderr.write(f"{fault}\n")
                codes.append(1)
            if good:
                codes += self._launch(good, first)
            first += len(good)
        if not task:  # a single task leaves the variants unpublished: there is nothing to sum up
            codes = [run_doit("summary", f"variants={listed.relative_to(get_show_folder())}")]
        if any(codes):
            sys.exit(max(codes))

    def _split(self, parsed: list[Override]) -> list[list[list[str]]]:
        """Return the jobs in batches, with all of their words in Hydra's grammar.

        shot=glob(*) gives bare names, and those of hidden files too.
        """
        batches = self.split_arguments(parsed, self.max_batch_size)
        if any(one.key_or_group == "shot" and one.value_type is ValueType.GLOB_CHOICE_SWEEP for one in parsed):
            jobs = ([job for job in batch if not any(word.startswith("shot=.") for word in job)] for batch in batches)
            return [[[with_quotes(word) for word in job] for job in batch] for batch in jobs]
        return [
            [[with_quotes(word, variants_file.from_words(job)[0]) for word in job] for job in batch]
            for batch in batches
        ]

    def _launch(self, batch: list[list[str]], first: int) -> list[int]:
        """Run a batch of jobs; return doit's exit codes."""
        codes = []
        assert self.launcher is not None  # since setup()
        for done in self.launcher.launch(batch, initial_job_idx=first):
            failed = done.status is JobStatus.FAILED
            codes.append(1 if failed else done._return_value)
            if failed:  # Hydra or its launcher failed; a build that fails raises no exception
                assert done.overrides is not None  # noted before a job starts
                sys.stderr.write(f"{' '.join(done.overrides)}: {done._return_value}\n")
        return codes
