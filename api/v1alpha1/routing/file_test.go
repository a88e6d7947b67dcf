package routing

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	t.Parallel()
	f, err := Parse([]byte(`
hosts: [empty.example.com]
routes:
- {name: one, application: chat, origin: "127.0.0.1:1936", linkKeyFile: one.key, wake: {asleep: true}}
- name: a/two
  application: shows
  instance: index
  onDemandInstances: true
  created: 2026-01-02T03:04:05Z
  hosts: [a.example.com, "*.b.example.com", "*", 192.0.2.1, "2001:db8::1"]
  shards:
  - {origin: "s0:1935", linkKey: k0, instances: [kept]}
  - {origin: "s1:1935", linkKey: k1}
`))
	if err != nil {
		t.Fatal(err)
	}
	claims := f.Claims()
	if c := claims[0]; c.Owner != "" || c.Instance != "_definst_" || !c.Since.Before(claims[1].Since) {
		t.Errorf("%+v", c)
	}
	if c := claims[1]; c.Owner != "a" || !c.OnDemand || len(c.Hosts) != 5 {
		t.Errorf("%+v", c)
	}
	if s := f.Routes[0].To("anything"); s.Origin != "127.0.0.1:1936" || s.LinkKeyFile != "one.key" {
		t.Errorf("%+v", s)
	}
	two := &f.Routes[1]
	if two.To("index").Origin != "s0:1935" || two.To("kept").Origin != "s0:1935" {
		t.Error("what a shard holds does not stay there")
	}
	reached := map[string]bool{}
	for _, name := range strings.Split("abcdefghijklmnopqrstuvwxyz", "") {
		reached[two.To(name).LinkKey] = true
	}
	if w := two.Wake; w != nil || f.Routes[0].Wake == nil || !f.Routes[0].Wake.Asleep || f.Routes[0].Wake.Timeout.Duration != defaultWakeTimeout {
		t.Errorf("%+v, %+v", f.Routes[0].Wake, w)
	}
	if !reached["k0"] || !reached["k1"] {
		t.Errorf("new instances are not spread: %v", reached)
	}
	two.Shards[0].Leaving = true
	for name := range reached {
		if to := two.To("new" + name).Origin; to != "s1:1935" || two.To("kept").Origin != "s0:1935" {
			t.Errorf("one that leaves gets a new instance: %s", to)
		}
	}
}

func TestParseSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	const good = `origin: "127.0.0.1:1936", linkKeyFile: one.key`
	for text, want := range map[string]string{
		"routes: [":   "yaml",
		"colour: red": `unknown field "colour"`,
		"routes: [{name: a, application: a, wake: {timeout: 61s}, " + good + "}]":                                 "routes[0] a: wake: timeout 1m1s: it is of 1s to 1m",
		"routes: [{application: chat, " + good + "}]":                                                             "routes[0] : name: must not be empty",
		"routes: [{name: a, " + good + "}]":                                                                       `routes[0] a: application ""`,
		"routes: [{name: a, application: a/b, " + good + "}]":                                                     `application "a/b"`,
		"routes: [{name: a, application: a}]":                                                                     `origin ""`,
		`routes: [{name: a, application: a, origin: "h:1"}]`:                                                      "one of linkKeyFile and linkKey is wanted",
		`routes: [{name: a, application: a, origin: "h:1", linkKey: a, linkKeyFile: b}]`:                          "one of linkKeyFile and linkKey is wanted",
		"routes: [{name: a, application: a, " + good + "}, {name: a, application: b, " + good + "}]":              "routes[1] a: another has this name",
		`routes: [{name: a, application: a, origin: "h:1", linkKey: k, shards: [{origin: "h:1", linkKey: k}]}]`:   "leave them out beside it",
		`routes: [{name: a, application: a, shards: [{origin: "h:1", linkKey: k}, {origin: "h:1", linkKey: k}]}]`: "two shards have it",
		`routes: [{name: a, application: a, shards: [{origin: "h:1", linkKey: k, leaving: true}]}]`:               "all are leaving",
		`routes: [{name: a, application: a, shards: [{origin: "h:1", linkKey: k}, {origin: "h:2", linkKey: k}]}]`: "they need onDemandInstances",
		"hosts: [Live.example.com]":                                                                               "lower case",
		"hosts: ['live.example.com:1935']":                                                                        "leave the port out",
		"hosts: ['a.*.example.com']":                                                                              "it is a name such as",
		"routes: [{name: a, application: a, hosts: ['a b'], " + good + "}]":                                       "it is a name such as",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
