"""The settings of a run, changed into those of its masked pretraining."""

from kerasmed.config.run import Pretraining, RunConfig
from kerasmed.config.transformers import TransformerConfig
from kerasmed.errors import ConfigError

SUFFIX = "_pretraining"
MAX_NAME = 64


def as_pretraining(config: RunConfig) -> RunConfig:
    """`config` as a pretraining: what only a training with classes has a meaning for is put aside.

    Raises:
        ConfigError: The network cannot be pretrained.
    """
    if not isinstance(config.model, TransformerConfig):
        raise ConfigError(
            f"{config.model.kind} cannot be pretrained; choose model=ecg_transformer, heartbeit or heartbeit_1d."
        )
    loader = config.loader.model_copy(update={"class_shares": None, "record_balance": 0.0, "examples_per_epoch": None})
    trainer = config.trainer.model_copy(update={"monitor": "val_loss", "class_weights": "none", "freeze_epochs": 0})
    augmentation = config.augmentation.model_copy(update={"mixup": 0.0})
    dataset = config.dataset.model_copy(update={"label_rate": None})
    name = config.name if config.name.endswith(SUFFIX) else config.name[: MAX_NAME - len(SUFFIX)] + SUFFIX
    return config.model_copy(
        update={
            "name": name, "dataset": dataset, "loader": loader, "augmentation": augmentation,
            "trainer": trainer, "pretraining": config.pretraining or Pretraining(),
        }
    )  # fmt: skip
