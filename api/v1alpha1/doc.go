// Package v1alpha1 is the AppInstance: one document that describes one instance
// of an application, read by the operator from the API server and by the media
// server from a file. The group is media.flashpod.dev.
//
// It owns the fields, their defaults and the rules they obey. Defaults and
// rules are written twice: as markers, from which the schema of the API server
// is generated (config/crd), and as functions, for a server without one; a test
// holds both against each other. It imports no client and no server code.
//
// +kubebuilder:object:generate=true
// +groupName=media.flashpod.dev
package v1alpha1
