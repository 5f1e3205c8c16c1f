// Package runtime declares the part of this package that knative.dev/serving's autoscaler needs.
package runtime

// ProfilingDefaultPort is the profiler's port.
const ProfilingDefaultPort = 8008
