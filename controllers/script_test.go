package controllers

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Whoever has edited a script hears soon what comes of it; others cost a question a
// minute.
func TestScriptIsAskedForSoonAfterAnEdit(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	script := func(made, edited time.Duration) *corev1.ConfigMap {
		at := metav1.NewTime(now.Add(-edited))
		return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
			CreationTimestamp: metav1.NewTime(now.Add(-made)),
			ManagedFields:     []metav1.ManagedFieldsEntry{{Manager: "kubectl", Time: &at}},
		}}
	}
	for name, c := range map[string]struct {
		script *corev1.ConfigMap
		want   time.Duration
	}{
		"none":        {nil, scriptEvery},
		"new":         {script(time.Second, time.Second), scriptSoon},
		"edited":      {script(time.Hour, time.Second), scriptSoon},
		"edited once": {script(time.Hour, 2*time.Minute), scriptEvery},
	} {
		if got := scriptPace(&observed{now: now, script: c.script}); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// What clients have a part in reaches status and events as one line that reads as it is
// written.
func TestScriptErrorsArePrintable(t *testing.T) {
	for text, want := range map[string]string{
		"x is not\ndefined\x1b[2J":               "x is not defined [2J",
		"user \u202egnp.exe\u202c \u2066b\u2069": "user  gnp.exe   b ",
		"a\u200eb\u061cc\u2028d\u0085e\x7ff":     "a b c d e f",
		"naïve – “ok” 日本 \u05d0":                 "naïve – “ok” 日本 \u05d0",
		"half \xff":                              "half ?",
	} {
		if got := (scriptError{Message: text}).String(); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}
