module knative.dev/networking

go 1.26.0
