package server

import (
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/web"
)

// TestInstancesOverHTTP looks into instances, page by page and name by name.
func TestInstancesOverHTTP(t *testing.T) {
	t.Parallel()
	s, _ := run(t, rooms+"}")
	base := "http://" + s.HTTPAddr().String()
	for range 3 {
		connect(t, s, "app/two").hello()
	}
	pub := connect(t, s, "app/a/b").hello()
	pub.on(1, "publish", "cam", "live")
	pub.expect("event 0", "onStatus NetStream.Publish.Start")
	nc, err := rtmp.Connect(t.Context(), "rtmp://"+s.RTMPAddr().String()+"/app/a/b/-", rtmp.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	for _, name := range []string{"x", "y", "z"} {
		for _, persistent := range []bool{true, false} {
			o := nc.SharedObject(name, persistent)
			if err := o.Use(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := o.Set(t.Context(), "slot", name); err != nil {
				t.Fatal(err)
			}
		}
	}

	var names []string
	for next := "/instances?limit=1"; next != ""; {
		page := servertest.AskFor[web.InstancePage](t, base+next)
		for _, one := range page.Instances {
			names = append(names, fmt.Sprintf("%s %v %d %d %d", one.Instance, one.OnDemand, one.Clients, one.Streams, one.SharedObjects))
		}
		next = page.Next
	}
	if want := []string{"a/b true 2 1 6", "one false 0 0 0", "two true 3 0 0"}; !slices.Equal(names, want) {
		t.Errorf("instances are %q, want %q", names, want)
	}
	if page := servertest.AskFor[web.InstancePage](t, base+"/instances?application=other"); len(page.Instances) != 0 {
		t.Errorf("another application has %v", page)
	}

	clients := map[string]bool{}
	for next := "/instances/app/two/clients?limit=2"; next != ""; {
		page := servertest.AskFor[web.ClientPage](t, base+next)
		for _, c := range page.Clients {
			clients[c.ID] = c.Address != "" && c.BytesIn > 0 && c.BytesOut > 0
		}
		next = page.Next
	}
	if len(clients) != 3 || slices.Contains([]bool{clients[""]}, true) {
		t.Errorf("clients are %v", clients)
	}
	streams := servertest.AskFor[web.StreamPage](t, base+"/instances/app/"+url.PathEscape("a/b")+"/streams")
	if len(streams.Streams) != 1 || streams.Streams[0] != (web.Stream{Name: "cam", Live: true}) {
		t.Errorf("streams are %v", streams)
	}
	names = nil
	for next := "/instances/app/a%2Fb/shared-objects?limit=2"; next != ""; {
		page := servertest.AskFor[web.SharedObjectPage](t, base+next)
		for _, o := range page.SharedObjects {
			names = append(names, fmt.Sprintf("%s %v %d %d %v", o.Name, o.Persistent, o.Slots, o.Users, o.Bytes > 0 && o.Version > 0))
		}
		next = page.Next
	}
	want := []string{"x false 1 1 true", "x true 1 1 true", "y false 1 1 true", "y true 1 1 true", "z false 1 1 true", "z true 1 1 true"}
	if !slices.Equal(names, want) {
		t.Errorf("shared objects are %q, want %q", names, want)
	}
	for path, status := range map[string]int{
		"/instances/app/none": 404, "/instances/app/none/clients": 404, "/instances?limit=0": 400, "/instances?after=/": 400,
		"/instances/app/a%2Fb/shared-objects?after=x": 400, "/instances/app/two/clients?limit=1001": 400,
	} {
		if got, said := servertest.Ask(t, "GET", base+path); got != status || !strings.HasPrefix(said, `{"error":`) {
			t.Errorf("%s: %d %s", path, got, said)
		}
	}
}

// TestUnload ends one client, and then instances with all they have, for those alone
// who have the key.
func TestUnload(t *testing.T) {
	t.Parallel()
	s, _ := run(t, "{application: app, instance: one, onDemandInstances: true, idle: {unloadAfter: 1h}}")
	base := "http://" + s.HTTPAddr().String()
	b, err := os.ReadFile(s.Served()[0].KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	key := "Bearer " + strings.TrimSpace(string(b))
	two, three, one := connect(t, s, "app/two").hello(), connect(t, s, "app/two").hello(), connect(t, s, "app/one").hello()
	two.on(1, "publish", "cam?key="+strings.TrimPrefix(key, "Bearer "), "record")
	two.expect("event 0", "onStatus NetStream.Publish.Start", "onStatus NetStream.Record.Start")
	audio(t, two, 0)
	ids := servertest.AskFor[web.ClientPage](t, base+"/instances/app/two/clients").Clients
	if len(ids) != 2 {
		t.Fatalf("clients are %v", ids)
	}
	for _, path := range []string{"/instances/app/two", "/instances/app/one", "/instances/app/two/clients/" + ids[0].ID} {
		for _, shown := range []string{"", "Bearer wrong"} {
			if got, said := servertest.Ask(t, "DELETE", base+path, "Authorization", shown, "Connection", web.LocalToken); got != 401 {
				t.Errorf("%s with %q: %d %s", path, shown, got, said)
			}
		}
	}
	remove := func(path string, want int) {
		t.Helper()
		if got, said := servertest.Ask(t, "DELETE", base+path, "Authorization", key); got != want {
			t.Errorf("%s: %d %s, want %d", path, got, said, want)
		}
	}
	remove("/instances/app/two/clients/none", 404)
	kicked := ids[slices.IndexFunc(ids, func(c web.Client) bool { return c.BytesIn == min(ids[0].BytesIn, ids[1].BytesIn) })].ID // who publishes has said more
	remove("/instances/app/two/clients/"+kicked, 204)
	three.Until("end")
	servertest.Eventually(t, "it has left", func() bool {
		return len(servertest.AskFor[web.ClientPage](t, base+"/instances/app/two/clients").Clients) == 1
	})

	remove("/instances/app/two", 204) // once it is gone
	if got := loaded(s); len(got) != 0 {
		t.Errorf("%v are loaded", got)
	}
	two.Until("onStatus NetConnection.Connect.AppShutdown")
	again := connect(t, s, "app/two").hello()
	if !plays(t, again, "cam") {
		t.Error("what was recorded is not there")
	}
	remove("/instances/app/one", 204)
	one.Until("onStatus NetConnection.Connect.AppShutdown")
	connect(t, s, "app/one").hello()
}
