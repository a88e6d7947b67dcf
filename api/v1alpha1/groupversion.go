package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Kind is the kind of the document.
const Kind = "AppInstance"

var (
	// GroupVersion is this API.
	GroupVersion = schema.GroupVersion{Group: "media.flashpod.dev", Version: "v1alpha1"}

	schemeBuilder = runtime.NewSchemeBuilder(func(s *runtime.Scheme) error {
		s.AddKnownTypes(GroupVersion, &AppInstance{}, &AppInstanceList{})
		metav1.AddToGroupVersion(s, GroupVersion)
		return nil
	})
	// AddToScheme makes the types known to clients.
	AddToScheme = schemeBuilder.AddToScheme
)
