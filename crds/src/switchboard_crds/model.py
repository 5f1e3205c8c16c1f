"""Shared by the models of all kinds: the base class, conditions, and validation rules in CEL."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class Model(BaseModel):
    """Base class of the parts of a resource. Unknown fields are ignored: the installed schema may be newer."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, frozen=True, extra="ignore")


@dataclass(frozen=True)
class Rule:
    """A CEL rule that the API server enforces; its message names the field and what it must be."""

    expression: str
    message: str
    field_path: str = ""
    """Path of the offending field, relative to the model (`.spec.image`)."""

    def manifest(self) -> dict[str, str]:
        """Return an item of `x-kubernetes-validations`."""
        item = {"rule": self.expression, "message": self.message}
        return {**item, "fieldPath": self.field_path} if self.field_path else item


def rules(*items: Rule) -> ConfigDict:
    """Return the model configuration that adds the rules to the generated schema."""
    manifests: list[Any] = [item.manifest() for item in items]
    return ConfigDict(json_schema_extra={"x-kubernetes-validations": manifests})


def map_list(key: str) -> dict[str, Any]:
    """Return schema extras for a list whose items are identified by one field, so that appliers can share the list."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]}


class ConditionStatus(StrEnum):
    """Status of a condition (Kubernetes API conventions)."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(Model):
    """One aspect of a resource's state (Kubernetes API conventions, metav1.Condition)."""

    type: str = Field(description="Aspect of the state, in CamelCase.", max_length=316)
    status: ConditionStatus = Field(description="Whether the condition holds.")
    reason: str = Field(description="Cause in CamelCase, for programs.", max_length=1024)
    message: str = Field(description="Cause and remedy, for people.", max_length=32768)
    last_transition_time: datetime = Field(description="When the status last changed.")
    observed_generation: int = Field(description="metadata.generation that the condition is based on.", ge=0)


class Status(Model):
    """Status fields that all kinds have."""

    observed_generation: int = Field(default=0, ge=0, description="metadata.generation that the status is based on.")
    conditions: tuple[Condition, ...] = Field(
        default=(),
        description="Aspects of the resource's state; `Ready` summarizes them.",
        json_schema_extra=map_list("type"),
    )
    image: str = Field(default="", description="Image of new pods.")
    default_image: str = Field(
        default="", description="The operator's default image at creation time, used while `spec.image` is unset."
    )


class Reference(Model):
    """Another resource in the same namespace."""

    name: str = Field(min_length=1, max_length=253, description="Name of the resource.")


def short_name(what: str) -> Rule:
    """Return the rule that keeps a resource's name short enough for the objects that are named after it.

    `what` is the object with the tightest limit, with its article.
    """
    return Rule(
        "self.metadata.name.matches('^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$')",
        "metadata.name must be 1 to 40 characters of a-z, 0-9 and '-', start with a letter and not end with '-',"
        f" because {what} is named after the resource",
    )


class Metadata(Model):
    """Metadata fields that Switchboard reads."""

    name: str
    namespace: str
    uid: str
    generation: int = 1


class Resource(Model):
    """A resource as the API server returns it; each kind adds its spec and its own status fields."""

    metadata: Metadata
    status: Status = Status()

    @property
    def key(self) -> str:
        """`namespace/name`."""
        return f"{self.metadata.namespace}/{self.metadata.name}"
