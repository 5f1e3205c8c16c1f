// Package apis declares what knative.dev/serving's autoscaler takes of the package of this name: types that its API
// objects name. The validation of those objects is not on the autoscaler's path.
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

// DiagnosticLevel says how bad a FieldError is.
type DiagnosticLevel int

// WarningLevel is that of warnings.
const WarningLevel DiagnosticLevel = 1

// FieldError is an error of validation.
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

// ConditionType names a condition.
type ConditionType string

// ConditionReady is the type of the condition that sums up the others.
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

// ConditionSet knows an object's conditions.
type ConditionSet struct{}

// NewLivingConditionSet is called when serving's packages are initialised; nothing asks the set afterwards.
func NewLivingConditionSet(...ConditionType) ConditionSet { return ConditionSet{} }

// Manage is not on the autoscaler's path.
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
