// Package kmeta declares the part of this package that knative.dev/serving's autoscaler needs.
package kmeta

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// OwnerRefable is an object that can own others.
type OwnerRefable interface {
	metav1.ObjectMetaAccessor
	GetGroupVersionKind() schema.GroupVersionKind
}
