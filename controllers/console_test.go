package controllers

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
)

// The server is handed tokens of its console, but for an image of the user's own, which
// may know of none, unless they are asked for.
func TestConsoleFollowsTheSpec(t *testing.T) {
	for spec, has := range map[string]bool{
		"{application: a}":                                                true,
		"{application: a, console: {}}":                                   true,
		"{application: a, console: {mode: None}}":                         false,
		"{application: a, image: old:1}":                                  false,
		"{application: a, image: new:1, console: {}}":                     true,
		"{application: a, image: new:1, console: {mode: Managed}}":        true,
		"{application: a, access: {publish: {mode: Anyone}}}":             true,
		"{application: a, image: 'new:1', console: {mode: None}}":         false,
		"{application: a, access: {publish: {secretName: lobby-tokens}}}": true,
	} {
		all := children(t, withSecrets(observe(t, spec)))
		tokens, made := all["Secret lobby-console"]
		if made != has {
			t.Errorf("%s: there are tokens: %v", spec, made)
		}
		if strings.Contains(spec, "secretName") {
			continue // nothing is made before that Secret is there
		}
		set := text(t, all["StatefulSet lobby"])
		for _, part := range []string{"- --console-tokens\n", "- /run/secrets/console\n", "secretName: lobby-console", "key: admin", "key: viewer"} {
			if strings.Contains(set, part) != has {
				t.Errorf("%s: the pod has %q: %v", spec, part, !has)
			}
		}
		if has && !strings.Contains(text(t, tokens), "ownerReferences") {
			t.Errorf("%s: the tokens outlive the instance", spec)
		}
		// No Service leads to the control port, nor does an Ingress.
		if strings.Contains(text(t, all["Service lobby"]), "http") {
			t.Errorf("%s: the Service has the control port", spec)
		}
	}
}

// A token that is there stays; one that is missing is made, and no two are the same.
func TestTokensThatAreThereStay(t *testing.T) {
	o := observe(t, "{application: a}")
	o.freshTokens = consoleTokens{admin: "fresh-admin", viewer: "fresh-viewer"}
	data := func() map[string][]byte {
		s, _ := children(t, o)["Secret lobby-console"].want.(*corev1ac.SecretApplyConfiguration)
		return s.Data
	}
	if got := data(); string(got["admin"]) != "fresh-admin" || string(got["viewer"]) != "fresh-viewer" {
		t.Errorf("at first %q", got)
	}
	o.console = &corev1.Secret{ObjectMeta: owned(o, "lobby-console"), Data: map[string][]byte{"admin": []byte("theirs"), "viewer": []byte(" \n")}}
	if got := data(); len(got) != 1 || string(got["viewer"]) != "fresh-viewer" {
		t.Errorf("beside a token of the user's %q", got)
	}
	o.console.Data["viewer"] = []byte("ours")
	o.console.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: FieldManager, Operation: metav1.ManagedFieldsOperationApply, APIVersion: "v1", FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(`{"f:data":{"f:viewer":{}}}`)}}
	if got := data(); len(got) != 1 || string(got["viewer"]) != "ours" {
		t.Errorf("of our own token %q", got)
	}
}
