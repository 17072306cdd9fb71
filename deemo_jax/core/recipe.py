"""A run's config, read and checked before anything is built: plain data in, frozen dataclasses out."""

import dataclasses
import enum
from typing import Any

from deemo_jax.core.config import Config, from_plain, plain
from deemo_jax.core.errors import UserError
from deemo_jax.core.files import refuse_remote
from deemo_jax.core.schema import Modality
from deemo_jax.core.trainable_sets import patterns

INT8 = "int8"
FROZEN_DTYPES = ("float32", "bfloat16", INT8)
BRANCHES = frozenset((Modality.VIDEO, Modality.AUDIO))


@dataclasses.dataclass(frozen=True)
class OptimizerRecipe:
    """`config.optimizer`; the defaults are those of the paper's lineage (Video-LLaMA, AffectGPT).

    Attributes:
        lr: peak of the learning rate.
        lr_min: learning rate at the end of the cosine.
        warmup_start: learning rate at the start of the linear warmup.
        warmup_steps: optimizer steps of the warmup; 0 for none.
        weight_decay: of AdamW, decoupled; `deemo_jax.training.optimizer` says which parameters decay.
        b1, b2, eps: Adam's moments and epsilon.
        clip_norm: global norm to which gradients are clipped; 0 for no clipping.
        accumulate: parts that a step takes its batch in, one after the other, for less memory; the gradient is that of
            the whole batch.
    """

    lr: float = 3e-5
    lr_min: float = 1e-5
    warmup_start: float = 1e-6
    warmup_steps: int = 1000
    weight_decay: float = 0.05
    b1: float = 0.9
    b2: float = 0.999
    eps: float = 1e-8
    clip_norm: float = 0.0
    accumulate: int = 1


TENSORBOARD = "tensorboard"
# Where a run's metrics may go; the last two are extras.
TRACKERS = (TENSORBOARD, "wandb", "mlflow")


@dataclasses.dataclass(frozen=True)
class TrainRecipe:
    """`config.train`; all but `keep` and `keep_best` count optimizer steps.

    Attributes:
        steps: length of the run.
        log_every: steps between two lines of metrics.
        checkpoint_every: steps between two checkpoints; the last step always has one.
        keep: how many of the newest checkpoints stay on disk.
        keep_best: how many of those with the least validation loss stay beside them, where there is a validation split.
        nan_limit: the run ends after so many steps in a row whose loss or gradient is not finite.
        trackers: where metrics go beside metrics.jsonl, see `TRACKERS`.

    Raises:
        UserError: an unknown tracker.
    """

    steps: int
    log_every: int = 10
    checkpoint_every: int = 100
    keep: int = 2
    keep_best: int = 1
    nan_limit: int = 10
    trackers: tuple[str, ...] = (TENSORBOARD,)

    def __post_init__(self) -> None:
        if unknown := [name for name in self.trackers if name not in TRACKERS]:
            raise UserError(f"config.train.trackers: {unknown[0]!r} is not known; choose from {', '.join(TRACKERS)}")


@dataclasses.dataclass(frozen=True)
class MeshRecipe:
    """`config.mesh`.

    Attributes:
        data, fsdp, tensor: devices along each axis; one of them may be -1 and takes the devices that are left.
        replicated_below: parameters with fewer elements are not split over devices, since gathering them takes longer
            than it saves.
    """

    data: int = -1
    fsdp: int = 1
    tensor: int = 1
    replicated_below: int = 1 << 20


@dataclasses.dataclass(frozen=True)
class MaskedLimits:
    """Shares of unreadable (masked) rows above which a run ends, each in (0, 1]; see `deemo_jax.data.masked_records`.

    Attributes:
        masked_batch: of one batch.
        masked_window: of the rows of 100 steps.
        masked_split: of the records of a split, in one pass over it.
    """

    masked_batch: float = 0.5
    masked_window: float = 0.25
    masked_split: float = 0.25

    def __post_init__(self) -> None:
        """Raises:
        UserError: a share is not in (0, 1].
        """
        for key, value in dataclasses.asdict(self).items():
            if not 0 < value <= 1:
                raise UserError(f"config.data.{key}: {value} must be a share above 0 and at most 1")


class Mixing(enum.StrEnum):
    """What one dataset of a mixture is drawn for: a whole batch, or each row."""

    BATCH = "batch"
    ROW = "row"


class FrameSampling(enum.StrEnum):
    """Which frames training shows; see `deemo_jax.data.frame_views.drawn_indices`."""

    UNIFORM = "uniform"
    HEAD_TAIL = "head_tail"


# The sum of a mixture's weights, at most.
MAX_WEIGHT = 10_000


@dataclasses.dataclass(frozen=True)
class DataRecipe:
    """`config.data`.

    Attributes:
        data_dir: folder of the dataset, as `build --data_dir` names it.
        batch_size: examples of a step, all devices together.
        max_length: tokens of a sequence.
        frames: pictures of a clip.
        clips: mel spectrograms of 2 s of a clip.
        dataset: name of the TFDS dataset. With a mixture, the one that is validated and evaluated on.
        mixture: name of a dataset -> its weight, a whole number: training takes all of them; see
            `deemo_jax.data.mixture`. Empty: it takes `dataset`.
        mixing: whether all rows of a batch are of one dataset of the mixture ('batch'), or each is drawn ('row').
        train_split, test_split: splits in TFDS's notation.
        validation_split: whose loss is measured before each checkpoint; empty for none.
        modalities: what the model is shown, as `Modality.parse_set` reads it.
        modality_dropout: modality -> probability of withholding it from a training example.
        max_answer: tokens of an answer with its end, at most; a longer one loses its last, and thereby its end. 0: any.
        frame_sampling: which frames training shows: 'uniform' or 'head_tail'.
        frame_crop: whether training shows a part of the picture, drawn anew each time, scaled to the whole.
        workers: threads that read records.
        cached_views: 1 where a clip is always shown in the same frames and spectrograms, so that what frozen encoders
            make of them can be read from `data_dir`, where `python -m deemo_jax.cache` keeps it. 0: encoders run in
            every step.
        masked_batch, masked_window, masked_split: the shares of `MaskedLimits`.
        corpus: 'synthetic' where all speakers are invented: answers about clips outside the dataset then bring a
            warning. Empty otherwise.
    """

    data_dir: str
    batch_size: int
    max_length: int
    frames: int = 8
    clips: int = 8
    dataset: str = "deemo_mer"
    mixture: dict = dataclasses.field(default_factory=dict)
    mixing: Mixing = Mixing.BATCH
    train_split: str = "train"
    test_split: str = "test"
    validation_split: str = ""
    modalities: str = "all"
    modality_dropout: dict = dataclasses.field(default_factory=dict)
    max_answer: int = 0
    frame_sampling: FrameSampling = FrameSampling.UNIFORM
    frame_crop: bool = False
    workers: int = 2
    cached_views: int = 0
    masked_batch: float = MaskedLimits.masked_batch
    masked_window: float = MaskedLimits.masked_window
    masked_split: float = MaskedLimits.masked_split
    corpus: str = ""

    @property
    def datasets(self) -> tuple[str, ...]:
        """Names of the datasets that training takes, in the order in which their records are counted."""
        return tuple(sorted(self.mixture)) or (self.dataset,)

    @property
    def masked(self) -> MaskedLimits:
        """How many records may be unreadable."""
        return MaskedLimits(self.masked_batch, self.masked_window, self.masked_split)

    @property
    def shown(self) -> frozenset[Modality]:
        """`modalities`, read."""
        return Modality.parse_set(self.modalities)


@dataclasses.dataclass(frozen=True)
class TokenizerRecipe:
    """`config.tokenizer`.

    Attributes:
        name: 'bytes', or 'llama' for the tokenizer of a published decoder.
        path: folder with the files of the latter; a converted checkpoint holds them.
    """

    name: str
    path: str | None = None


@dataclasses.dataclass(frozen=True)
class PromptRecipe:
    """`config.prompt`. Where a text is None, the template's own is used.

    The sentences of the public systems are not in this repository: a recipe that is to use a public checkpoint as it
    was trained gives them here.

    Attributes:
        task: see `deemo_jax.data.prompts.Task`.
        template: a key of `deemo_jax.systems.registry.TEMPLATES`.
        system: the system text, in templates that have one.
        question: what is asked, instead of the template's question or the task's instruction.
        conversation: the template of clips that come with questions of their own, with its own texts; None for
            `template`.
        audio, video, transcript, nfbl, user: the text around each input and around the question, with '{}' in its place
            and the separator at its end. It should not name other modalities, which may be absent.
    """

    task: str
    template: str | None = "deemo"
    system: str | None = None
    question: str | None = None
    conversation: str | None = None
    audio: str | None = None
    video: str | None = None
    transcript: str | None = None
    nfbl: str | None = None
    user: str | None = None


@dataclasses.dataclass(frozen=True)
class Recipe:
    """The whole config. `model` stays a plain dictionary: which fields its parts have depends on the parts it names.

    Attributes:
        model: see `deemo_jax.models.deemo_llama.DeemoLlamaConfig.from_config`.
        data, optimizer, train, mesh, tokenizer, prompt: see their classes.
        trainable: which parameters learn; see `deemo_jax.models.params.is_trainable`. A config may name sets of them
            (`deemo_jax.core.trainable_sets`), whose patterns are here.
        init: what is laid over the random initialisation: path of a safetensors tree, of a converted checkpoint, or of
            another run, as stage 2 begins with stage 1; empty for none.
        frozen_dtype: 'float32' or 'bfloat16', of the parameters that do not learn; 'int8' for the kernels of the
            decoder's blocks in int8 (`deemo_jax.models.int8`), and the other ones in bfloat16.
        seed: of the initialisation, the order of the data, and dropout.
        name: of the recipe.
    """

    model: dict
    data: DataRecipe
    train: TrainRecipe
    trainable: tuple[str, ...]
    tokenizer: TokenizerRecipe
    prompt: PromptRecipe
    optimizer: OptimizerRecipe = OptimizerRecipe()
    mesh: MeshRecipe = MeshRecipe()
    init: str = ""
    frozen_dtype: str = "bfloat16"
    seed: int = 42
    name: str = ""

    @classmethod
    def from_config(cls, config: Config) -> "Recipe":
        """Reads a ConfigDict or plain nested dict.

        Raises:
            UserError: a key that is unknown (with a did-you-mean) or missing, a wrong type, or a senseless value.
        """
        recipe = from_plain(cls, config, "config", sizes=False)
        recipe = dataclasses.replace(recipe, trainable=patterns(recipe.trainable))
        for key, path in (
            ("data.data_dir", recipe.data.data_dir),
            ("init", recipe.init),
            ("tokenizer.path", recipe.tokenizer.path or ""),
        ):
            refuse_remote(path, f"config.{key}")
        train, optimizer = recipe.train, recipe.optimizer
        positive = {f"data.{key}": getattr(recipe.data, key) for key in ("batch_size", "max_length", "frames", "clips")}
        positive["optimizer.accumulate"] = optimizer.accumulate
        positive |= {f"train.{key}": value for key, value in vars(train).items() if isinstance(value, int)}
        for key, value in positive.items():
            if value < 1:
                raise UserError(f"config.{key}: {value} must be at least 1")
        for field in dataclasses.fields(optimizer):
            if getattr(optimizer, field.name) < 0:
                raise UserError(f"config.optimizer.{field.name}: {getattr(optimizer, field.name)} must not be negative")
        _ = recipe.data.masked  # it raises where its values are wrong
        try:
            _ = recipe.data.shown
        except UserError as error:
            raise UserError(f"config.data.{error}") from error
        _check_data(recipe.data)
        if not (optimizer.b1 < 1 and optimizer.b2 < 1):
            raise UserError(f"config.optimizer: b1 {optimizer.b1} and b2 {optimizer.b2} must be below 1")
        if recipe.frozen_dtype not in FROZEN_DTYPES:
            raise UserError(
                f"config.frozen_dtype: {recipe.frozen_dtype!r} is not known; choose from {', '.join(FROZEN_DTYPES)}"
            )
        if not 0 <= recipe.seed < 1 << 32:
            raise UserError(f"config.seed: {recipe.seed} must lie in [0, 2**32)")
        return recipe

    def resting(self) -> frozenset[str]:
        """The branches of the model ('video', 'audio') that learn nothing: `config.data.modalities` withholds them."""
        return BRANCHES - self.data.shown

    def doubts(self) -> list[str]:
        """Settings that can be run but are hardly meant, a line each."""
        steps, rate = self.train.steps, self.optimizer
        found = []
        if not rate.lr:
            found.append("config.optimizer.lr is 0: nothing will be learnt")
        if rate.lr_min > rate.lr:
            found.append(
                f"config.optimizer.lr_min ({rate.lr_min:g}) is above lr ({rate.lr:g}): the learning rate will rise "
                "from step to step, where a cosine is meant to fall"
            )
        if rate.warmup_steps and rate.warmup_start > rate.lr:
            found.append(
                f"config.optimizer.warmup_start ({rate.warmup_start:g}) is above lr ({rate.lr:g}): the warmup will fall"
            )
        if rate.warmup_steps >= steps:
            found.append(
                f"config.optimizer.warmup_steps ({rate.warmup_steps}) is not below config.train.steps ({steps}): the "
                f"run ends within its warmup, and the learning rate never is lr ({rate.lr:g})"
            )
        if self.train.nan_limit > steps:
            found.append(
                f"config.train.nan_limit ({self.train.nan_limit}) is above config.train.steps ({steps}): a loss that "
                "is never finite will not end the run"
            )
        if self.data.validation_split == self.data.train_split:
            found.append(
                "config.data.validation_split is the training split: the checkpoint with the least loss on it is "
                "hardly the best one for other clips"
            )
        if rate.lr * rate.weight_decay >= 1:
            found.append("config.optimizer.lr times weight_decay is 1 or more: decay alone turns weights over")
        return found

    def resolved(self) -> dict[str, Any]:
        """The config with every default written out, as config.json has it; texts that are None are left out."""
        config = plain(dataclasses.asdict(self))
        for part in ("tokenizer", "prompt"):
            config[part] = {key: value for key, value in config[part].items() if value is not None}
        return config


def _check_data(data: DataRecipe) -> None:
    """Checks what fields of `config.data` say together.

    Raises:
        UserError: names of no dataset, weights that are no positive whole numbers, or features that are kept of
            frames that are drawn.
    """
    for name, weight in data.mixture.items():
        if not name.isidentifier():
            raise UserError(f"config.data.mixture: {name!r} is no name of a dataset; see build --name")
        if isinstance(weight, bool) or not isinstance(weight, int) or weight < 1:
            raise UserError(
                f"config.data.mixture.{name}: {weight!r} must be a whole number above 0; leave it out for 0"
            )
    if (total := sum(data.mixture.values())) > MAX_WEIGHT:
        raise UserError(f"config.data.mixture: the weights are {total} in sum, above {MAX_WEIGHT}; write them smaller")
    if data.max_answer < 0:
        raise UserError(f"config.data.max_answer: {data.max_answer} must be 0, for any length, or more")
    if data.cached_views not in (0, 1):
        raise UserError(
            f"config.data.cached_views: {data.cached_views}; without frame_sampling and frame_crop all views of a clip "
            "are the same: 1 keeps it, 0 has encoders run in every step"
        )
    if not data.cached_views:
        return
    if data.frame_crop or data.frame_sampling is not FrameSampling.UNIFORM:
        raise UserError(
            "config.data.cached_views: frames are drawn anew each time (frame_sampling, frame_crop), so what encoders "
            "make of them cannot be kept; set it to 0, or frame_sampling to 'uniform' and frame_crop to False"
        )
    if data.mixture:
        raise UserError("config.data.cached_views: features of a mixture are not kept; set it to 0")
