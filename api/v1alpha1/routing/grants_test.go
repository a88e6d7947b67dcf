package routing

import (
	"fmt"
	"strings"
	"testing"
)

func TestGrants(t *testing.T) {
	t.Parallel()
	g, err := ParseGrants([]byte("namespaces:\n- {name: a, hosts: [a.example.com, '*.a.example.com']}\n- {name: '*'}\naddress: live.example.com"))
	if err != nil {
		t.Fatal(err)
	}
	for namespace, want := range map[string]string{"a": "[a.example.com *.a.example.com]", "b": "[*]"} {
		if hosts, ok := g.Of(namespace); !ok || fmt.Sprint(hosts) != want {
			t.Errorf("%s has %v, %v", namespace, hosts, ok)
		}
	}
	if all := fmt.Sprint(g.Hosts()); all != "[* *.a.example.com a.example.com]" {
		t.Error(all)
	}
	some, err := ParseGrants([]byte("namespaces: [{name: a}]"))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := some.Of("b"); ok {
		t.Error("a namespace that is not named is served")
	}
	for text, want := range map[string]string{
		"namespaces: [{hosts: [a]}]":                   `namespaces[0] ""`,
		"namespaces: [{name: a}, {name: a}]":           `namespaces[1] "a"`,
		"namespaces: [{name: a, hosts: ['a:1']}]":      "namespaces[0] a: host",
		"namespace: [{name: a, hosts: ['a.example']}]": `unknown field "namespace"`,
	} {
		if _, err := ParseGrants([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
