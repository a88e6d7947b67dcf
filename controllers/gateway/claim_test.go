package gateway

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// No two AppInstances have one key, and none has that of one before it.
func TestKeyFor(t *testing.T) {
	t.Parallel()
	named := func(namespace, name string, uid types.UID) *v1alpha1.AppInstance {
		return &v1alpha1.AppInstance{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: uid}}
	}
	seen := map[string]bool{}
	for _, a := range []*v1alpha1.AppInstance{named("a", "b", "1"), named("a", "b", "2"), named("b", "a", "1"), named("a", "c", "1")} {
		for _, master := range []string{"one-master-key-0123", "another-master-key"} {
			key := KeyFor([]byte(master), a)
			if len(key) != 64 || seen[key] {
				t.Errorf("%s of %s has %d characters, or is another's", key, Name(a), len(key))
			}
			seen[key] = true
		}
	}
}
