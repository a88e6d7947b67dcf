package server

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/api/v1alpha1/routing"
	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/web"
)

// shards are two origins of one application.
type shards struct {
	of    [2]*Server
	stop  [2]func()
	data  [2]string
	ways  [2]string // to each
	route string    // to both
}

// routes are those to shards, as ways say them.
func routesTo(ways ...string) string {
	return "routes: [{name: app, application: app, instance: index, onDemandInstances: true, shards: [" + strings.Join(ways, ", ") + "]}]"
}

func runShards(t *testing.T) *shards {
	t.Helper()
	s := &shards{}
	for i := range s.of {
		key := filepath.Join(t.TempDir(), "link.key")
		s.data[i] = t.TempDir()
		s.of[i], s.stop[i] = runWith(t, Config{LinkKeyFile: key, Data: s.data[i]}, "{application: app, instance: index, onDemandInstances: true, recording: {mode: All}, "+anyone+"}")
		s.ways[i] = fmt.Sprintf("{origin: %q, linkKeyFile: %q}", s.of[i].RTMPAddr(), key)
	}
	s.route = routesTo(s.ways[:]...)
	return s
}

// fallsTo is the n-th name of an instance that falls to a shard when none has it.
func (s *shards) fallsTo(shard, n int) string {
	names := []string{s.of[0].RTMPAddr().String(), s.of[1].RTMPAddr().String()}
	for i := 0; ; i++ {
		name := fmt.Sprint("room", i)
		if routing.Choose(name, names) != shard {
			continue
		}
		if n--; n < 0 {
			return name
		}
	}
}

// total is how many connections a server has had at an instance.
func total(s *Server, instance string) uint64 {
	i := s.instances["app"][instance]
	if d := s.onDemand["app"]; i == nil {
		i = d.running(instance)
	}
	if i == nil {
		return 0
	}
	return i.Stats().Total.Connections
}

// Instances that nobody has are spread over the origins by their names; one that is in use
// at an origin, or has anything on its disk, stays there, wherever its name falls to.
func TestShards(t *testing.T) {
	t.Parallel()
	s := runShards(t)
	fresh := [2]string{s.fallsTo(0, 0), s.fallsTo(1, 0)}
	recorded, objects, used, copied, published := s.fallsTo(0, 1), s.fallsTo(0, 2), s.fallsTo(0, 3), s.fallsTo(0, 4), s.fallsTo(1, 1)

	// What lies on the second origin's disk, and who is there.
	servertest.WriteFiles(t, s.data[1], filepath.Join("app", "sharedobjects", objects, "notes.fso"), "x")
	for _, name := range []string{recorded, copied} {
		servertest.WriteFLV(t, filepath.Join(s.of[1].streamsOf("app"), name, "film.flv"), servertest.Sound(2)...)
	}
	connect(t, s.of[1], "app/"+recorded).hello()
	connect(t, s.of[1], "app/"+used).hello()
	live := connect(t, s.of[0], "app/"+published).hello()
	live.on(1, "publish", "cam", "live")
	live.expect("event 0", "onStatus NetStream.Publish.Start")

	g := runGateway(t, Config{}, s.route)
	for i, name := range fresh {
		for range 2 {
			connect(t, g.Server, "app/"+name).hello()
		}
		if here, there := total(s.of[i], name), total(s.of[1-i], name); here != 2 || there != 0 {
			t.Errorf("%s, which falls to shard %d, has %d clients there and %d at the other", name, i, here, there)
		}
	}
	for _, c := range []struct {
		name  string
		shard int
		had   uint64
	}{{objects, 1, 0}, {used, 1, 1}, {published, 0, 1}, {"index", 0, 0}} {
		connect(t, g.Server, "app/"+c.name).hello()
		if here, there := total(s.of[c.shard], c.name), total(s.of[1-c.shard], c.name); here != c.had+1 || c.name != "index" && there != 0 {
			t.Errorf("%s has %d connections at shard %d, and %d at the other", c.name, here, c.shard, there)
		}
	}
	// What lies on one origin's disk is played by the gateway, whether its instance is
	// loaded there or not.
	for _, name := range []string{recorded, copied} {
		p := connect(t, g.Server, "app/"+name).hello()
		p.on(1, "play", "film", 0)
		p.expect("event 4", "event 0", "onStatus NetStream.Play.Reset", "onStatus NetStream.Play.Start")
		if n := total(s.of[0], name); n != 0 {
			t.Errorf("%s: %d came to the origin that has no recording", name, n)
		}
	}
}

// Where an origin does not answer, nothing new is started, since it might be there; what
// another has is served.
func TestShardsWithOneAway(t *testing.T) {
	t.Parallel()
	s := runShards(t)
	held, fresh := s.fallsTo(0, 0), s.fallsTo(0, 1)
	servertest.WriteFiles(t, s.data[0], filepath.Join("app", "sharedobjects", held, "notes.fso"), "x")
	s.stop[1]()
	g := runGateway(t, Config{linkWaits: time.Second}, s.route)
	connect(t, g.Server, "app/"+fresh).expect("_error NetConnection.Connect.Failed", "close []", "end")
	if n := total(s.of[0], fresh); n != 0 {
		t.Errorf("%d instances were started", n)
	}
	patient := runGateway(t, Config{}, s.route)
	connect(t, patient.Server, "app/"+held).hello()
	if n := total(s.of[0], held); n != 1 {
		t.Errorf("what is there has %d connections", n)
	}
}

// Many who come for an instance in one moment ask once, and come to one origin.
func TestManyComeToAShard(t *testing.T) {
	t.Parallel()
	s := runShards(t)
	g := runGateway(t, Config{}, s.route)
	name := s.fallsTo(1, 0)
	const many = 50
	var all []*client
	for range many {
		all = append(all, connect(t, g.Server, "app/"+name))
	}
	for _, c := range all {
		c.hello()
	}
	if here, there := total(s.of[1], name), total(s.of[0], name); here != many || there != 0 {
		t.Errorf("%d and %d connections", here, there)
	}
}

// One address has origins asked about no more instances at once than its share; whoever
// wants one that is being asked about waits with the others.
func TestAskersOfShards(t *testing.T) {
	t.Parallel()
	s := runShards(t)
	s.stop[1]() // so that questions stay
	g := runGateway(t, Config{linkWaits: 10 * time.Minute}, s.route)
	const share = 64
	for i := range share {
		connect(t, g.Server, fmt.Sprint("app/room", i))
	}
	connect(t, g.Server, "app/room0")
	servertest.Eventually(t, "all are asked about", func() bool { return g.gateway.Asked() == share })
	info := connect(t, g.Server, "app/more").expect("_error NetConnection.Connect.Failed")
	if said, _ := info.Get("description"); !strings.Contains(fmt.Sprint(said), "that your address has asked for") {
		t.Errorf("it says %v", said)
	}
	if status, body := servertest.Ask(t, http.MethodGet, "http://"+g.HTTPAddr().String()+"/metrics"); status != http.StatusOK || !strings.Contains(body, "flashpod_gateway_asked 64\n") {
		t.Errorf("%d %s", status, body)
	}
}

// Nothing new comes to an origin that is leaving; what it has, in use or on its disk, stays
// there. Once no route leads to it, who is there is served until it ends, and comes elsewhere
// then: those that follow a ReconnectRequest are asked first.
func TestShardThatLeaves(t *testing.T) {
	t.Parallel()
	s := runShards(t)
	held, used, fresh := s.fallsTo(1, 0), s.fallsTo(1, 1), s.fallsTo(1, 2)
	servertest.WriteFiles(t, s.data[1], filepath.Join("app", "sharedobjects", held, "of", "notes.fso"), "x")
	g := runGateway(t, Config{}, s.route)
	follows := connect(t, g.Server, "app/"+used, "capsEx", 1.0).hello()
	stays := connect(t, g.Server, "app/"+used).hello()

	leads := func(ways ...string) {
		t.Helper()
		before := g.log.Count("msg=routes")
		g.write(t, routesTo(ways...))
		servertest.Eventually(t, "the routes count", func() bool { return g.log.Count("msg=routes") > before })
	}
	comes := func(name string, first, second uint64) {
		t.Helper()
		connect(t, g.Server, "app/"+name).hello()
		if a, b := total(s.of[0], name), total(s.of[1], name); a != first || b != second {
			t.Errorf("%s has had %d connections at the first origin, and %d at the one that leaves", name, a, b)
		}
	}
	leads(s.ways[0], strings.TrimSuffix(s.ways[1], "}")+", leaving: true}")
	comes(fresh, 1, 0)
	comes(used, 0, 3)
	comes(held, 0, 1)

	leads(s.ways[0])
	comes(used, 1, 3)
	for _, c := range []*client{follows, stays} {
		c.on(1, "play", "nothing", 0) // what is recorded, of which there is none
		c.Until("onStatus NetStream.Play.StreamNotFound")
	}
	s.stop[1]()
	follows.expect("onStatus NetConnection.Connect.ReconnectRequest", "onStatus NetConnection.Connect.AppShutdown", "end")
	stays.expect("onStatus NetConnection.Connect.AppShutdown", "end")
	connect(t, g.Server, "app/"+used).hello()
	if n := total(s.of[0], used); n != 2 {
		t.Errorf("%d connections have come to the origin that is left", n)
	}
}

// A server says which instances on demand have something on its disk: not those that a
// manifest names, and not those whose folders are empty.
func TestHeld(t *testing.T) {
	t.Parallel()
	s := runShards(t)
	data := s.data[0]
	servertest.WriteFiles(t, data, filepath.Join("app", "sharedobjects", "objects%2Fof", "deep", "notes.fso"), "x",
		filepath.Join("app", "sharedobjects", "index", "notes.fso"), "x", filepath.Join("app", "sharedobjects", "gone", ".versions"), "x")
	servertest.WriteFLV(t, filepath.Join(s.of[0].streamsOf("app"), "recorded", "film.flv"), servertest.Sound(2)...)
	if err := os.MkdirAll(filepath.Join(s.of[0].streamsOf("app"), "empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	base := "http://" + s.of[0].HTTPAddr().String() + "/held"
	servertest.Eventually(t, "it holds two", func() bool {
		held := servertest.AskFor[web.Held](t, base)
		return fmt.Sprint(held.Instances) == "[app/objects/of app/recorded]" && !held.More
	})
	if held := servertest.AskFor[web.Held](t, base+"?limit=1"); fmt.Sprint(held.Instances) != "[app/objects/of]" || !held.More {
		t.Errorf("it says %+v", held)
	}
	for name, want := range map[string]bool{"objects/of": true, "recorded": true, "none": false} {
		if is, known := s.of[0].holds("app", name); is != want || !known {
			t.Errorf("%s is held: %v, %v", name, is, known)
		}
	}
}
