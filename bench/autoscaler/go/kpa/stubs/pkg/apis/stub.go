// Package apis declares the part of this package that knative.dev/serving's autoscaler needs: types that its API
// objects use. The autoscaler does not validate those objects.
package apis

import (
	"context"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

const outside = "not on the autoscaler's path"

// CurrentField names the field itself.
const CurrentField = ""

// The interfaces of API objects.
type (
	Defaultable interface{ SetDefaults(context.Context) }
	Validatable interface {
		Validate(context.Context) *FieldError
	}
	Listable interface {
		runtime.Object
		GetListType() runtime.Object
	}
)

// DiagnosticLevel is the severity of a FieldError.
type DiagnosticLevel int

// WarningLevel is the level of warnings.
const WarningLevel DiagnosticLevel = 1

// FieldError is a validation error.
type FieldError struct {
	Message string
	Paths   []string
	Details string
}

func (*FieldError) Error() string                            { panic(outside) }
func (*FieldError) ViaField(...string) *FieldError           { panic(outside) }
func (*FieldError) ViaIndex(int) *FieldError                 { panic(outside) }
func (*FieldError) ViaKey(string) *FieldError                { panic(outside) }
func (*FieldError) ViaFieldIndex(string, int) *FieldError    { panic(outside) }
func (*FieldError) ViaFieldKey(string, string) *FieldError   { panic(outside) }
func (*FieldError) Also(...*FieldError) *FieldError          { panic(outside) }
func (*FieldError) At(DiagnosticLevel) *FieldError           { panic(outside) }
func (*FieldError) Filter(DiagnosticLevel) *FieldError       { panic(outside) }
func ErrGeneric(string, ...string) *FieldError               { panic(outside) }
func ErrInvalidKeyName(_, _ string, _ ...string) *FieldError { panic(outside) }
func ErrInvalidValue(any, string, ...string) *FieldError     { panic(outside) }
func ErrMissingField(...string) *FieldError                  { panic(outside) }
func ErrMissingOneOf(...string) *FieldError                  { panic(outside) }
func ErrMultipleOneOf(...string) *FieldError                 { panic(outside) }
func ErrOutOfBoundsValue(_, _, _ any, _ string) *FieldError  { panic(outside) }
func CheckDisallowedFields(any, any) *FieldError             { panic(outside) }
func ValidateObjectMetadata(metav1.Object) *FieldError       { panic(outside) }
func GetUserInfo(context.Context) *authenticationv1.UserInfo { panic(outside) }
func ParentMeta(context.Context) metav1.ObjectMeta {
	panic(outside)
}
func IsInUpdate(context.Context) bool                                    { panic(outside) }
func WithinSpec(context.Context) context.Context                         { panic(outside) }
func KindToResource(schema.GroupVersionKind) schema.GroupVersionResource { panic(outside) }

// ConditionType is the type of a condition.
type ConditionType string

// ConditionReady is the type of the condition that summarizes the others.
const ConditionReady ConditionType = "Ready"

// Condition is one of an object's conditions.
type Condition struct {
	Type               ConditionType
	Status             corev1.ConditionStatus
	LastTransitionTime VolatileTime
	Reason             string
	Message            string
}

func (*Condition) IsTrue() bool       { panic(outside) }
func (*Condition) IsFalse() bool      { panic(outside) }
func (*Condition) IsUnknown() bool    { panic(outside) }
func (*Condition) GetReason() string  { panic(outside) }
func (*Condition) GetMessage() string { panic(outside) }

// VolatileTime is a time that comparisons ignore.
type VolatileTime struct{ Inner metav1.Time }

// ConditionSet manages an object's conditions.
type ConditionSet struct{}

// NewLivingConditionSet is called when serving's packages are initialised; the set is not used afterwards.
func NewLivingConditionSet(...ConditionType) ConditionSet { return ConditionSet{} }

// Manage is not called by the autoscaler.
func (ConditionSet) Manage(any) ConditionManager { panic(outside) }

// ConditionManager changes an object's conditions.
type ConditionManager interface {
	InitializeConditions()
	GetCondition(ConditionType) *Condition
	GetTopLevelCondition() *Condition
	SetCondition(Condition) bool
	IsHappy() bool
	MarkTrue(ConditionType)
	MarkTrueWithReason(ConditionType, string, string, ...any)
	MarkFalse(ConditionType, string, string, ...any)
	MarkUnknown(ConditionType, string, string, ...any)
}
