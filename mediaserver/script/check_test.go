package script

import (
	"strings"
	"testing"
	"testing/fstest"
)

func asFolder(files ...string) fstest.MapFS {
	all := fstest.MapFS{}
	for i := 0; i < len(files); i += 2 {
		all[files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
	}
	return all
}

// TestCheck says what a folder uses that is not here, by file and line, over all that
// it loads, and nothing of what it makes itself.
func TestCheck(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		files   fstest.MapFS
		library fstest.MapFS
		lacking []string // the beginnings of what is said
		looked  string
	}{
		{"all is there", asFolder("main.asc", "load('lib/a.asc'); application.onConnect = function (c) { c.mine = new Mine(); return true };\nvar s = application.clients.length;",
			"lib/a.asc", "load(\"b.asc\"); function Mine() {}", "lib/b.asc", "x = 1;"), nil, nil, "main.asc lib/a.asc lib/b.asc"},
		{"nothing", asFolder("readme", ""), nil, []string{".: there is no main.asc"}, ""},
		{"an archive that is none", asFolder("main.far", ""), nil, []string{".: open main.far: zip: not a valid zip file"}, ""},
		{"compiled", asFolder("main.ase", ""), nil, []string{".: main.ase is compiled"}, ""},
		{"files", asFolder("scripts/main.asc", "\nload('gone.asc');\nload('../up.asc'); load(name + '.asc')"), nil,
			[]string{"scripts/main.asc:2:1: load gone.asc: there is no such file", "scripts/main.asc:3:1: load ../up.asc: a path that leaves"}, "scripts/main.asc"},
		{"a library", asFolder("main.asc", "load('components.asc')"), asFolder("components.asc", "load('sub/people.asc')", "sub/people.asc", "\n\nvar x = ;"),
			[]string{"sub/people.asc:3:9: "}, "main.asc components.asc sub/people.asc"},
		{"loops", asFolder("main.asc", "load('main.asc'); load('a.asc')", "a.asc", "load('main.asc')"), nil, nil, "main.asc a.asc"},
		{"classes", asFolder("app.asc", "function f(c) {\n  var g = new NetGroup(nc);\n  return new WebService('x') }\nvar SOAPCall = 1; x = SOAPCall; // GroupControl\n"), nil,
			[]string{"app.asc:2:15: NetGroup of Flash Media Server is not here", "app.asc:3:14: WebService of Flash Media Server is not here"}, "app.asc"},
		{"methods", asFolder("main.asc", "application.denyPeerLookup(1);\nfunction f(c) { c.introducePeer(1); s.proxyFrom('x') }\napplication.mine = 1; application.mine();"), nil,
			[]string{"main.asc:1:13: application.denyPeerLookup of", "main.asc:2:19: Client.introducePeer of", "main.asc:2:39: ProxyStream.proxyFrom of"}, "main.asc"},
		{"its own", asFolder("main.asc", "Client.prototype.introducePeer = function () {}; function f(c) { c.introducePeer() }; function NetGroup() {}; new NetGroup()"), nil, nil, "main.asc"},
		{"what the engine refuses", asFolder("main.asc", "\nvar a = 1;\nbreak;"), nil, []string{"main.asc:3"}, "main.asc"},
		{"later editions", asFolder("main.asc", "var f = () => 1;"), nil, []string{"main.asc:1:12: an arrow function"}, "main.asc"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var library = c.library
			if library == nil {
				library = fstest.MapFS{}
			}
			got, err := Check("app", c.files, library)
			if err != nil {
				t.Fatal(err)
			}
			if s := strings.Join(got.Files, " "); s != c.looked {
				t.Errorf("it has looked into %q, not %q", s, c.looked)
			}
			ok := len(got.Lacking) == len(c.lacking)
			for i := 0; ok && i < len(c.lacking); i++ {
				ok = strings.HasPrefix(got.Lacking[i].String(), c.lacking[i])
			}
			if !ok {
				t.Errorf("it lacks\n%s\nwant\n%s", strings.Join(lines(got.Lacking), "\n"), strings.Join(c.lacking, "\n"))
			}
		})
	}
}

func lines(all []Remark) (text []string) {
	for _, r := range all {
		text = append(text, r.String())
	}
	return text
}

// FuzzCheck has files of any content looked into.
func FuzzCheck(f *testing.F) {
	f.Add("load('a.asc'); new NetGroup()", "x")
	f.Add("const a = 1; a = 2; for each (var x in y) {}", "load('main.asc')")
	f.Fuzz(func(t *testing.T, main, other string) {
		got, err := Check("app", asFolder("main.asc", main, "a.asc", other), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range got.Lacking {
			if r.File == "" || r.What == "" {
				t.Errorf("%+v", r)
			}
		}
	})
}
