"""What the models of all kinds share: the base class, conditions, and rules in CEL."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class Model(BaseModel):
    """A part of a resource. Unknown fields are ignored: a newer schema may be installed than this code knows."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, frozen=True, extra="ignore")


@dataclass(frozen=True)
class Rule:
    """A rule in CEL that the API server checks; its message names the field and the remedy."""

    expression: str
    message: str
    field_path: str = ""
    """Path of the field to blame, relative to the model (`.spec.image`)."""

    def manifest(self) -> dict[str, str]:
        """Return an item of `x-kubernetes-validations`."""
        item = {"rule": self.expression, "message": self.message}
        return {**item, "fieldPath": self.field_path} if self.field_path else item


def rules(*items: Rule) -> ConfigDict:
    """Return the model configuration that puts the rules into the generated schema."""
    manifests: list[Any] = [item.manifest() for item in items]
    return ConfigDict(json_schema_extra={"x-kubernetes-validations": manifests})


def map_list(key: str) -> dict[str, Any]:
    """Return schema extras for a list whose items are told apart by one field, so that appliers can share it."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]}


class ConditionStatus(StrEnum):
    """Whether a condition holds (Kubernetes API conventions)."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(Model):
    """One aspect of a resource's state, by the Kubernetes API conventions."""

    type: str = Field(description="Aspect that the condition speaks of.", max_length=316)
    status: ConditionStatus = Field(description="Whether it holds.")
    reason: str = Field(description="One word for the cause.", max_length=1024)
    message: str = Field(description="The cause for people: the object's name and the remedy.", max_length=32768)
    last_transition_time: datetime = Field(description="When the status changed last.")
    observed_generation: int = Field(description="metadata.generation that this was found for.", ge=0)


class Status(Model):
    """What the status of every kind holds."""

    observed_generation: int = Field(default=0, ge=0, description="metadata.generation that this status speaks of.")
    conditions: tuple[Condition, ...] = Field(
        default=(),
        description="Aspects of the resource's state; `Ready` sums them up.",
        json_schema_extra=map_list("type"),
    )
    image: str = Field(default="", description="Image that new pods are made from.")
    default_image: str = Field(
        default="", description="Operator's default image at creation time; used while `spec.image` is unset."
    )


class Reference(Model):
    """Another resource in the same namespace."""

    name: str = Field(min_length=1, max_length=253, description="Its metadata.name.")


def short_name(what: str) -> Rule:
    """Return the rule that keeps a resource's name short enough for the objects that are named after it."""
    return Rule(
        "self.metadata.name.matches('^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$')",
        f"metadata.name names {what} too: use 1 to 40 of a-z, 0-9 and '-', beginning with a letter",
    )


class Metadata(Model):
    """The part of an object's metadata that Switchboard reads."""

    name: str
    namespace: str
    uid: str
    generation: int = 1


class Resource(Model):
    """A resource of one of our kinds as the API server returns it; each kind adds its spec and its own status."""

    metadata: Metadata
    status: Status = Status()

    @property
    def key(self) -> str:
        """`namespace/name`."""
        return f"{self.metadata.namespace}/{self.metadata.name}"
