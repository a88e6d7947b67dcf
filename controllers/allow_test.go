package controllers

import (
	"strings"
	"testing"
)

func TestAllowed(t *testing.T) {
	const spec = "{application: a, image: reg.example.org/media/server:2, priorityClassName: high, podAnnotations: {sidecar.example.org/inject: 'yes'}}"
	for _, c := range []struct {
		name    string
		allowed Allowed
		refused string
	}{
		{"everything", Allowed{}, ""},
		{"by patterns", Allowed{Images: []string{"other/*", "reg.example.org/*"}, PriorityClasses: []string{"high"}, PodAnnotations: []string{"*.example.org/*"}}, ""},
		{"another registry", Allowed{Images: []string{"reg.example.com/*"}}, "spec.image reg.example.org/media/server:2"},
		{"a dot is a dot", Allowed{Images: []string{"reg-example.org/*"}}, "spec.image"},
		{"from its beginning", Allowed{Images: []string{"example.org/*"}}, "spec.image"},
		{"to its end", Allowed{Images: []string{"reg.example.org/media"}}, "spec.image"},
		{"another class", Allowed{PriorityClasses: []string{"low"}}, "spec.priorityClassName high"},
		{"another annotation", Allowed{PodAnnotations: []string{"prometheus.io/*"}}, "spec.podAnnotations[sidecar.example.org/inject]"},
	} {
		o := observe(t, spec)
		o.options.Allowed = c.allowed
		serving(o)
		p := planOf(t, o)
		v := originVerdict(o, p)
		if got := v.reason == "NotAllowed"; got != (c.refused != "") || !strings.Contains(v.message, c.refused) {
			t.Errorf("%s: %s %q", c.name, v.reason, v.message)
		}
		o.statefulSet, o.pod = nil, nil
		if _, made := children(t, o)["StatefulSet lobby"]; made != (c.refused == "") {
			t.Errorf("%s: a server is made: %v", c.name, made)
		}
	}
}
