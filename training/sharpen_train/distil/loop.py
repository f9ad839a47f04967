"""The training loop, to be read from top to bottom.

A run is a function of its settings and its dataset: the batch, the learning rate and the weight of the teacher of a step depend on the
step alone. So a run that was stopped goes on, bit for bit, as if it had not been.
"""

import contextlib
import math
import time
from collections.abc import Mapping
from pathlib import Path

import torch

from sharpen_train.architectures import Network, build
from sharpen_train.config import Config, Plan
from sharpen_train.data import Dataset, open_dataset
from sharpen_train.data.stream import BatchStream
from sharpen_train.distil import checkpoint, parallel
from sharpen_train.distil.learner import Learner
from sharpen_train.distil.progress import Display, Pace
from sharpen_train.distil.rehearsal import fit_steps
from sharpen_train.distil.restore import load_network, refuse_two_views
from sharpen_train.distil.run_folder import LAST, STATE, RunFolder, best_weights
from sharpen_train.distil.samples import sample_sheet
from sharpen_train.distil.stopping import SignalWatch, Stop
from sharpen_train.distil.validation import IDENTITY, Gain, condition_names, make_conditions, mean_gain_db, mean_ssim, measure
from sharpen_train.errors import ConfigError, DataError, DivergedError, TeacherError

CHECK_EVERY_ON_GPU = 20  # reading a loss waits for the GPU; on a processor it costs nothing and is done at every step
ROWS_PER_VALIDATION = 10


def train(config: Config, run: Path, *, resume: bool = False) -> Path:
    """Trains a network and returns the file of its best averaged weights.

    Ctrl-C and SIGTERM save and are raised again, as KeyboardInterrupt and SystemExit(143); so does the end of `max_minutes`, which
    returns. Under torchrun every process calls this; the first one writes.

    Args:
        config: the settings.
        run: folder of the run: new or empty, or with `resume` the one to go on with.
        resume: go on from its last checkpoint.

    Raises:
        TrainError: the settings, the data or the run folder cannot be used.
        DivergedError: the loss is no longer finite; the last good state is kept.
        DiskFullError: there is no room for a checkpoint; the one before is intact.
    """
    began_s = time.monotonic()
    with contextlib.ExitStack() as opened:
        # Where: this process among the others, its device, its threads.
        ranks = opened.enter_context(parallel.join(config.train.device))
        if config.train.threads:
            torch.set_num_threads(config.train.threads)

        # What: everything that can be wrong is found before the run folder is made.
        dataset = open_dataset(Path(config.data.path))
        check_fit(config, dataset, ranks.world)
        teacher = open_teacher(config)
        learner = Learner(config, ranks, teacher)
        presets = [config.phase[-1].preset]
        conditions = make_conditions(dataset, presets) if ranks.first else []
        folder = None
        if ranks.first:
            folder = RunFolder(run, config, metric_columns(condition_names(dataset, presets)), resume=resume)
            opened.enter_context(folder).note_environment(ranks.device)

        # How long: the steps of the whole run are fixed once and noted, because the schedule hangs on them.
        last = checkpoint.settled(run / LAST)
        state = checkpoint.load_state(last / STATE) if resume else {}
        step, before_s, best_ssim = int(state.get("step", 0)), float(state.get("spent_s", 0.0)), float(state.get("best_ssim", -math.inf))
        steps = config.train.steps or int(state.get("steps", 0)) or fit_steps(config, ranks, teacher, conditions, began_s)
        plan = Plan(config, steps)
        frozen_from = steps - round(config.train.freeze_norm_share * steps)
        saved_step = step

        display = opened.enter_context(Display(steps, speaking=ranks.first))
        watch = opened.enter_context(SignalWatch())
        stream = opened.enter_context(
            BatchStream(
                Path(config.data.path), plan.draw, seed=config.train.seed, rank=ranks.rank, world=ranks.world, workers=config.train.workers
            )
        )

        def say(line: str) -> None:
            display.say(line)
            if folder:
                folder.log(line)

        def spent_s() -> float:
            return before_s + time.monotonic() - began_s

        def save() -> None:
            nonlocal saved_step
            saved_step = step
            if folder:
                counters = {"step": step, "steps": steps, "spent_s": spent_s(), "best_ssim": best_ssim}
                facts = {"arch": config.model.arch, "step": str(step)}
                folder.save_last(learner.network, learner.average.network, counters | learner.state(), facts)

        parameters = sum(parameter.numel() for parameter in learner.network.parameters())
        say(f"{config.model.arch}, {parameters:,} parameters; {dataset.info.counts['train']:,} patches; steps {step} to {steps} in {run}")
        if teacher is None and config.distil.teacher:
            say(f"teacher: the outputs '{config.distil.teacher}' beside the patches")

        stop = Stop.NONE
        total = torch.zeros((), device=ranks.device)  # of the losses since the last row
        since_row = 0
        batches = stream.batches(step)
        batch = next(batches)
        if resume:  # after the first batch: starting the workers draws from torch's generator
            learner.load(last, state)
            if folder:
                folder.forget_after(step)
        else:
            save()  # finds a disk that cannot be written now, and gives a loss that blows up something to go back to
        pace = Pace()

        while step < steps:
            # One step: the batch, the gradient, the average.
            loss = learner.learn(batch, plan.at(step), freeze_norm=step >= frozen_from)
            total += loss
            since_row += 1
            at_row = (step + 1) % max(1, config.train.validate_every // ROWS_PER_VALIDATION) == 0
            at_validation = (step + 1) % config.train.validate_every == 0 or step + 1 == steps

            # Stop? All processes agree, so that they stop at the same step.
            late = spent_s() >= 60 * config.train.max_minutes
            due = at_row or at_validation or late or ranks.device.type == "cpu" or (step + 1) % CHECK_EVERY_ON_GPU == 0
            diverged = due and not math.isfinite(float(total))
            wish = Stop.DIVERGED if diverged else Stop.TIME if late else Stop.NONE
            stop = Stop(ranks.agree(max(watch.heard, wish)))
            if stop is Stop.DIVERGED:
                break
            step += 1
            learner.average.update(learner.network, step)
            display.step(step)

            # Look: a row for the table, now and then with a validation, which also saves.
            if at_row or at_validation or stop is Stop.TIME:
                ms, waiting = pace.look()
                row = {
                    "step": step,
                    "minutes": spent_s() / 60,
                    "loss": float(total) / since_row,
                    "lr": plan.at(step - 1).lr,
                    "ms_per_step": ms,
                    "waiting_share": waiting,
                }
                total.zero_()
                since_row = 0
                if (at_validation or stop is Stop.TIME) and folder:
                    gains = measure(learner.average.network, conditions)
                    row |= _columns_of(gains)
                    if row["ssim"] > best_ssim:
                        best_ssim = row["ssim"]
                        folder.save_best(
                            learner.average.network, {"arch": config.model.arch, "step": str(step), "ssim": f"{best_ssim:.6f}"}
                        )
                    say(_line(row, gains))
                if folder:
                    folder.add_row(row)
                if at_validation:
                    save()
                display.step(step, f"loss {row['loss']:.4f}  {ms:.0f} ms  waiting {waiting:.0%}")
                pace.restart()
            if folder and config.train.samples_every and (step % config.train.samples_every == 0 or step == steps):
                folder.save_sample(step, sample_sheet(learner.average.network, learner.teacher, conditions))
                pace.restart()

            if stop is not Stop.NONE or step == steps:
                break
            waited_s = time.perf_counter()
            try:
                batch = next(batches)
            except DataError:  # a signal to the whole group ends the processes that make the batches, too
                if watch.heard is Stop.NONE:
                    raise
                stop = watch.heard
                break
            pace.add(time.perf_counter() - waited_s)

        # The end: whatever the reason, what was learned is on the disk.
        command = f"sharpen-train train --resume {run}"
        if not math.isfinite(float(total)):  # since the last look, on a GPU
            stop = Stop.DIVERGED
        if stop is Stop.DIVERGED:
            raise DivergedError(
                f"the loss is no longer finite at step {step}; the state of step {saved_step} is kept in {run}",
                f"Go on from there with a lower rate: {command} --set train.lr={config.train.lr / 4:g}",
            )
        if step > saved_step:
            save()
        if step == steps:
            say(f"done: {steps} steps in {spent_s() / 60:.1f} minutes; the result is {best_weights(run)}")
        elif stop is Stop.TIME:
            more = math.ceil(config.train.max_minutes * steps / max(1, step) + 1)
            say(f"{config.train.max_minutes:g} minutes are over at step {step} of {steps}; go on with: {command} --max-minutes {more}")
        else:
            say(f"stopped at step {step} of {steps} and saved; go on with: {command}")
    if stop is Stop.INTERRUPTED and step < steps:
        raise KeyboardInterrupt
    if stop is Stop.TERMINATED and step < steps:
        raise SystemExit(143)
    return best_weights(run)


def check_fit(config: Config, dataset: Dataset, world: int) -> None:
    """Checks that every phase can be trained on this dataset: now, not when its turn comes.

    Raises:
        ConfigError: a phase asks for patches that are too large or that the network cannot divide, or for a batch that cannot be shared.
        DataError: the dataset has no patches to train on, or no such teacher.
    """
    if not dataset.info.counts["train"]:
        raise DataError(f"the training split of {dataset.folder} is empty", "Prepare it from more pictures.")
    with torch.device("meta"):
        network = build(config.model.arch)
    refuse_two_views(config.model.arch, network)
    for number, phase in enumerate(config.phase, start=1):
        if phase.patch_px % network.multiple_px:
            hint = f"Choose a multiple of {network.multiple_px}."
            raise ConfigError(f"{config.model.arch} cannot divide the patches of {phase.patch_px} px of phase {number}", hint)
        if phase.patch_px > dataset.info.patch_px:
            hint = f"Use --set phase.patch_px={dataset.info.patch_px}, or prepare the data with --patch {phase.patch_px}."
            raise ConfigError(f"phase {number} wants patches of {phase.patch_px} px; the data has {dataset.info.patch_px}", hint)
        if phase.batch % world:
            raise ConfigError(f"a batch of {phase.batch} cannot be shared by {world} processes", "Choose a multiple of their number.")
    teacher, taught = (
        config.distil.teacher,
        any(phase.alpha < 1 or (phase.alpha_end is not None and phase.alpha_end < 1) for phase in config.phase),
    )
    if teacher and not taught:
        hint = "Give the teacher weight, say --set phase.alpha=0.8, or choose a recipe that does."
        raise ConfigError(f"the teacher {teacher} would never be asked: every phase has alpha = 1", hint)
    if teacher and config.distil.mode == "offline" and dataset.teacher(teacher) is None:
        hint = f"Write them: sharpen-train teacher --data {dataset.folder} --outputs NAME ...; or ask it online: --set distil.mode=online"
        raise TeacherError(f"{dataset.folder} has no outputs of a teacher '{teacher}'", hint)


def open_teacher(config: Config) -> Network | None:
    """Returns the teacher that is asked beside the student, or None where its outputs lie beside the patches, or there is none.

    Raises:
        TeacherError: there is no such run or file.
        CheckpointError: it is damaged, or of an architecture that is not known.
    """
    what = config.distil.teacher
    if not what or config.distil.mode == "offline":
        return None
    if not Path(what).exists():
        raise TeacherError(f"there is no run or file of weights {what}", "Give the folder of a run, or a file of weights.")
    return load_network(Path(what))[1]


def metric_columns(conditions: list[str]) -> list[str]:
    """Returns the columns of `metrics.csv` for these conditions."""
    by_condition = [column for name in conditions for column in (f"{name} dB", f"{name} ssim", f"{name} worst dB")]
    return ["step", "minutes", "loss", "lr", "ms_per_step", "waiting_share", "gain_db", "ssim", "worst_db", *by_condition]


def _columns_of(gains: Mapping[str, Gain]) -> dict[str, float]:
    """Returns the part of a row that a validation fills: gains over the input; for the untouched picture the loss."""
    row = {
        "gain_db": mean_gain_db(gains),
        "ssim": mean_ssim(gains),
        "worst_db": min(gain.worst_db for name, gain in gains.items() if name != IDENTITY),
    }
    for name, gain in gains.items():
        row |= {f"{name} dB": gain.gain_db, f"{name} ssim": gain.gain_ssim, f"{name} worst dB": gain.worst_db}
    return row


def _line(row: Mapping[str, float], gains: Mapping[str, Gain]) -> str:
    by_condition = "  ".join(f"{name} {gain.gain_db:+.2f}" for name, gain in gains.items() if name != IDENTITY)
    return (
        f"step {row['step']:>6.0f}  {row['minutes']:5.1f} min  {row['ms_per_step']:.0f} ms, {row['waiting_share']:.0%} waiting  "
        f"loss {row['loss']:.5f}  ssim {row['ssim']:.4f}  gain in dB: {by_condition}  sharp {gains[IDENTITY].psnr_db:.1f} dB"
    )
