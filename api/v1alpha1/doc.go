// Package v1alpha1 is the AppInstance: one document that describes one instance
// of an application, read by the operator from the API server and by the media
// server from a file. The group is media.flashpod.dev.
//
// It owns the fields, their defaults and the rules they obey. Defaults and
// rules are written twice: as markers, from which the schema of the API server
// is generated (config/crd), and as functions, for a server without one; a test
// holds both against each other (manifest). What the generator has no marker
// for stands in hack/tools/schema/overlay.yaml. The rules need Kubernetes 1.32.
// It imports no client and no server code.
//
// A rule stands at the field that it is about, so that the API server holds an
// object that was there before the rule to it only when that field changes; at
// the root, where that does not work, stand rules about changes, and rules that
// look at the name or the status.
//
// +kubebuilder:object:generate=true
// +groupName=media.flashpod.dev
package v1alpha1
