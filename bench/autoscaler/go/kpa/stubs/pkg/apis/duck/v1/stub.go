// Package v1 declares the part of this package that knative.dev/serving's autoscaler needs.
package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/pkg/apis"
)

// Conditions are an object's conditions.
type Conditions []apis.Condition

// Status is the part of a status that all objects share.
type Status struct {
	ObservedGeneration int64
	Conditions         Conditions
	Annotations        map[string]string
}

// DeepCopyInto copies the status.
func (in *Status) DeepCopyInto(out *Status) { *out = *in }

// GetCondition is not called by the autoscaler.
func (*Status) GetCondition(apis.ConditionType) *apis.Condition {
	panic("not on the autoscaler's path")
}

// KRShaped is an object with conditions.
type KRShaped interface {
	metav1.ObjectMetaAccessor
	GetStatus() *Status
	GetConditionSet() apis.ConditionSet
}
