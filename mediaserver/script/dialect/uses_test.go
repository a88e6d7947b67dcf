package dialect

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestUses tells what a file uses from what it declares, wherever that stands.
func TestUses(t *testing.T) {
	t.Parallel()
	var got []string
	uses, declared := Uses("x.asc", []byte(`application.onConnect = function (client, name) {
	var users = new Users(client), stream;
	trace(name + client.farID + later);
	stream = Stream.get("x"); stream.play();
	// NetGroup in a comment, and "ProxyStream" in text
	undeclared = this.ip;
}
function later() { return arguments.length + later.prototype.x }
`))
	if !slices.Equal(declared, []string{"later"}) {
		t.Errorf("it declares %q", declared)
	}
	for _, u := range uses {
		name := u.Name
		if u.Member {
			name = u.Object + "." + name
		}
		if u.Set {
			name += " ="
		}
		got = append(got, fmt.Sprintf("%d:%s", u.Line, name))
	}
	want := "1:application 1:application.onConnect = 2:Users 3:trace 3:.farID 4:Stream 4:Stream.get 4:.play 6:undeclared = 6:.ip 8:arguments 8:arguments.length 8:.prototype 8:.x"
	if s := strings.Join(got, " "); s != want {
		t.Errorf("uses are\n%s\nwant\n%s", s, want)
	}
}
