// Package config declares the part of this package that knative.dev/serving's autoscaler needs.
package config

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// The string types of the network's configuration.
type (
	HTTPProtocol          string
	EncryptionConfig      string
	MeshCompatibilityMode string
)

// The values of these types.
const (
	HTTPEnabled    HTTPProtocol = "enabled"
	HTTPDisabled   HTTPProtocol = "disabled"
	HTTPRedirected HTTPProtocol = "redirected"

	EncryptionEnabled EncryptionConfig = "enabled"

	MeshCompatibilityModeEnabled  MeshCompatibilityMode = "enabled"
	MeshCompatibilityModeDisabled MeshCompatibilityMode = "disabled"
)

// Config is the network's configuration.
type Config struct {
	HTTPProtocol                  HTTPProtocol
	ExternalDomainTLS             bool
	ClusterLocalDomainTLS         EncryptionConfig
	NamespaceWildcardCertSelector *metav1.LabelSelector
}

// SystemInternalTLSEnabled is not called by the autoscaler.
func (*Config) SystemInternalTLSEnabled() bool { panic("not on the autoscaler's path") }
