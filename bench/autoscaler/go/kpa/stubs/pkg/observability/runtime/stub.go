// Package runtime declares what knative.dev/serving's autoscaler takes of the package of this name.
package runtime

// ProfilingDefaultPort is the profiler's.
const ProfilingDefaultPort = 8008
