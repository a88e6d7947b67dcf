package routing

import (
	"strings"
	"testing"
)

func TestParseReach(t *testing.T) {
	t.Parallel()
	r, err := ParseReach([]byte(`{"origins": [{"hosts": ["Media.example.com", "media.example.com:1936", "[2001:DB8::1]"], "origin": "lobby-origin.ns.svc:1937", "linkKey": "k"}, {"hosts": ["own"], "origin": "own:1937"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(r.Origins[0].Hosts, " "); got != "media.example.com:1935 media.example.com:1936 [2001:db8::1]:1935" {
		t.Error(got)
	}
	if r, err := ParseReach(nil); err != nil || len(r.Origins) != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	for text, want := range map[string]string{
		"origins: [":                                "yaml",
		"origins: [{colour: red}]":                  `unknown field "colour"`,
		`origins: [{hosts: [a]}]`:                   `origins[0]: origin ""`,
		`origins: [{hosts: [a], origin: "b"}]`:      `origin "b": it is HOST:PORT`,
		`origins: [{hosts: [a], origin: ":1937"}]`:  `origin ":1937"`,
		`origins: [{origin: "b:1937"}]`:             "b:1937: hosts: must not be empty",
		`origins: [{hosts: [a/b], origin: "b:1"}]`:  `host "a/b": it is HOST or HOST:PORT`,
		`origins: [{hosts: ["a:"], origin: "b:1"}]`: `host "a:"`,
		`origins: [{hosts: [a], origin: "b:1"}, {hosts: ["A:1935"], origin: "c:1"}]`: `origins[1] c:1: host "A:1935": it is there twice`,
		strings.Repeat("#", MaxReachFile+1):                                          "longer than 1048576 bytes",
	} {
		if _, err := ParseReach([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v, want %s", text, err, want)
		}
	}
}
