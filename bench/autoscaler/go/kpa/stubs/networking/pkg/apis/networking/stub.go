// Package networking declares the part of this package that knative.dev/serving's autoscaler needs.
package networking

import (
	"context"

	"knative.dev/pkg/apis"
)

// GroupName is the API group.
const GroupName = "networking.internal.knative.dev"

// ProtocolType is a pod's protocol.
type ProtocolType string

// GetHTTPProtocol is not called by the autoscaler.
func GetHTTPProtocol(map[string]string) string { panic("not on the autoscaler's path") }

// Validate is not called by the autoscaler.
func (ProtocolType) Validate(context.Context) *apis.FieldError { panic("not on the autoscaler's path") }
