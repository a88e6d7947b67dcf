package server

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/instance"
	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/session"
)

// enter connects a client of an address, below the wire.
func enter(s *Server, id, address, name string) session.ConnectAnswer {
	answers := make(chan session.ConnectAnswer, 1)
	r := session.ConnectRequest{Client: session.Client{ID: id, Address: address}, Application: "app", Instance: name}
	s.Connect(r, guest(0), func(a session.ConnectAnswer) { answers <- a })
	return <-answers
}

// entered fails the test when a client is not let in.
func entered(t *testing.T, s *Server, id, address, name string) session.Instance {
	t.Helper()
	a := enter(s, id, address, name)
	if a.Refusal != nil {
		t.Fatalf("%s of %s is not let into %s: %v", id, address, name, a.Refusal)
	}
	t.Cleanup(func() { a.Instance.Leave(session.Client{ID: id, Address: address}) })
	return a.Instance
}

// TestInstancesUnloadWhenNobodyUsesThem, and start anew, with what was recorded.
func TestInstancesUnloadWhenNobodyUsesThem(t *testing.T) {
	t.Parallel()
	s, _ := run(t, rooms+", idle: {unloadAfter: 20ms}}")
	streams := filepath.Dir(s.Served()[0].Streams)
	c, stays := connect(t, s, "app/two").hello(), connect(t, s, "app/three").hello()
	record(t, c, "cam")
	publisher := connect(t, s, "app/four").hello()
	publisher.on(1, "publish", "cam", "record")
	publisher.expect("event 0", "onStatus NetStream.Publish.Start", "onStatus NetStream.Record.Start")
	audio(t, publisher, 0)
	c.conn.Close()
	servertest.Eventually(t, "it is unloaded", func() bool { return slices.Equal(loaded(s), []string{"four", "three"}) })
	again := connect(t, s, "app/two").hello()
	if !plays(t, again, "cam") {
		t.Error("what was recorded does not play")
	}
	// With the last recording goes what is left of one.
	again.conn.Close()
	servertest.Eventually(t, "it is unloaded", func() bool { return slices.Equal(loaded(s), []string{"four", "three"}) })
	if list, err := os.ReadDir(filepath.Join(streams, "two")); err != nil || len(list) != 1 {
		t.Errorf("%v, %v", list, err)
	}
	publisher.on(1, "closeStream")
	publisher.expect("onStatus NetStream.Record.Stop", "onStatus NetStream.Unpublish.Success")
	publisher.conn.Close()
	stays.conn.Close()
	servertest.Eventually(t, "all are unloaded", func() bool { return len(loaded(s)) == 0 })
	servertest.Eventually(t, "no instances of strangers are counted", func() bool { return s.cfg.Budgets.Instances.Used() == 0 })
}

// TestALostPublisherKeepsItsInstance until it is not expected back any more.
func TestALostPublisherKeepsItsInstance(t *testing.T) {
	t.Parallel()
	s, _ := run(t, rooms+", limits: {maxInstances: 1}}")
	p := connect(t, s, "app/two").hello()
	p.on(1, "publish", "cam", "live")
	p.expect("event 0", "onStatus NetStream.Publish.Start")
	audio(t, p, 0)
	leave(t, s, p)
	if said := why(t, s, "app/three", "NetConnection.Connect.Failed"); !strings.Contains(said, "limit reached: spec.limits.maxInstances is 1") {
		t.Error(said)
	}
	connect(t, s, "app/two").hello()
}

// TestMaxInstances: the next is told, and one that nobody uses makes room, that
// which nobody has used for longest first.
func TestMaxInstances(t *testing.T) {
	t.Parallel()
	s, _ := run(t, rooms+", limits: {maxInstances: 3}}")
	a, b, c := connect(t, s, "app/a").hello(), connect(t, s, "app/b").hello(), connect(t, s, "app/c").hello()
	for range 3 {
		if said := why(t, s, "app/d", "NetConnection.Connect.Failed"); said != "[ Server.Reject ] : Resource limit violation: limit reached: spec.limits.maxInstances is 3." {
			t.Error(said)
		}
	}
	connect(t, s, "app/one").hello() // which the manifest names
	connect(t, s, "app/a").hello()
	leave(t, s, b)
	leave(t, s, c)
	connect(t, s, "app/d").hello()
	if got := loaded(s); !slices.Equal(got, []string{"a", "c", "d"}) {
		t.Errorf("%v are loaded", got)
	}
	leave(t, s, a)
	connect(t, s, "app/e").hello()
	if got := loaded(s); !slices.Equal(got, []string{"a", "d", "e"}) { // a has another client
		t.Errorf("%v are loaded", got)
	}
	turnedAway(t, s, "instance is full", 3)
}

// TestAnAddressHasItsShare of instances in which nobody has shown the key; its own
// that nobody uses make room, and never another's.
func TestAnAddressHasItsShare(t *testing.T) {
	t.Parallel()
	const stranger, friend = "192.0.2.1:1", "192.0.2.2:1"
	s, _ := run(t, "{application: app, instance: one, onDemandInstances: true, limits: {maxInstances: 80}}")
	key, err := os.ReadFile(s.Served()[0].KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	entered(t, s, "friend", friend, "friend").Leave(session.Client{ID: "friend", Address: friend})
	const share = 20 // of 80
	for n := range share {
		entered(t, s, fmt.Sprint("s", n), stranger, fmt.Sprint("room", n))
	}
	if a := enter(s, "more", stranger, "more"); a.Refusal == nil || a.Refusal.Code != session.RefusedLimit || !strings.Contains(a.Refusal.Error(), "your address has its share of spec.limits.maxInstances") {
		t.Errorf("%v", a.Refusal)
	}
	entered(t, s, "f2", friend, "theirs") // others are let in
	entered(t, s, "f3", stranger, "theirs")
	// Who shows the key has no share.
	in := entered(t, s, "publisher", friend, "room0")
	shown := make(chan *session.Refusal, 1)
	in.MayPublish(session.PublishRequest{Name: "cam", Credentials: session.Credentials{Key: strings.TrimSpace(string(key))}}, func(why *session.Refusal) { shown <- why })
	if why := <-shown; why != nil {
		t.Fatal(why)
	}
	entered(t, s, "more", stranger, "more")
	if used := s.cfg.Budgets.Instances.Used(); used != share+2 {
		t.Errorf("%d instances of strangers are counted", used)
	}
	if got := loaded(s); !slices.Contains(got, "friend") {
		t.Errorf("%v are loaded", got)
	}
}

// TestInstancesOfStrangersHaveABudget of the process; what nobody uses of it makes
// room.
func TestInstancesOfStrangersHaveABudget(t *testing.T) {
	t.Parallel()
	budgets := budget.For(1<<20, 1000, nil) // the least
	s, _ := runWith(t, Config{Budgets: budgets}, rooms+", limits: {maxInstances: 0, maxConnectionsPerAddress: 0}}")
	most := int(budgets.Instances.Max())
	for n := range most {
		entered(t, s, fmt.Sprint(n), "192.0.2.1:1", fmt.Sprint("room", n))
	}
	if a := enter(s, "more", "192.0.2.1:1", "more"); a.Refusal == nil || !strings.Contains(a.Refusal.Error(), "too many instances are in use in which nobody has published with the key") {
		t.Errorf("%v", a.Refusal)
	}
	d := s.onDemand["app"]
	d.mu.Lock()
	in := d.rooms["room7"]
	d.mu.Unlock()
	v := &visit{Instance: in.inst, left: func() { d.leave(in) }}
	v.Leave(session.Client{ID: "7", Address: "192.0.2.1:1"})
	entered(t, s, "more", "192.0.2.1:1", "more")
	if got := loaded(s); slices.Contains(got, "room7") || len(got) != most {
		t.Errorf("%v are loaded", got)
	}
}

// TestComingsAndGoings of many clients while instances unload all the time: all who
// are in one at a time are in the same, nobody hears that one is stopping, and in
// the end all is given back.
func TestComingsAndGoings(t *testing.T) {
	t.Parallel()
	s, stop := run(t, rooms+", idle: {unloadAfter: 1us}, limits: {maxInstances: 4, maxConnectionsPerAddress: 0}}")
	var mu sync.Mutex
	inside := map[string]map[*instance.Instance]int{}
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(worker)))
			for n := range 300 {
				name, id := fmt.Sprint("room", r.IntN(6)), fmt.Sprint(worker, "-", n)
				a := enter(s, id, "192.0.2.1:1", name)
				if a.Refusal != nil {
					if a.Refusal.Limit != fieldMaxInstances {
						t.Errorf("%s: %v", name, a.Refusal)
					}
					continue
				}
				v, ok := a.Instance.(*visit)
				if !ok {
					t.Errorf("%T", a.Instance)
					return
				}
				mu.Lock()
				if inside[name] == nil {
					inside[name] = map[*instance.Instance]int{}
				}
				inside[name][v.Instance]++
				if len(inside[name]) != 1 {
					t.Errorf("%d instances are called %s", len(inside[name]), name)
				}
				mu.Unlock()
				mu.Lock()
				if inside[name][v.Instance]--; inside[name][v.Instance] == 0 {
					delete(inside[name], v.Instance)
				}
				mu.Unlock()
				v.Leave(session.Client{ID: id, Address: "192.0.2.1:1"})
				v.Leave(session.Client{ID: id, Address: "192.0.2.1:1"}) // which counts once
			}
		})
	}
	all.Wait()
	servertest.Eventually(t, "all are unloaded", func() bool { return len(loaded(s)) == 0 })
	d := s.onDemand["app"]
	servertest.Eventually(t, "all is given back", func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.taken == 0 && d.leaving == 0 && len(d.rooms) == 0 && len(d.spellings) == 0 && d.idle.Len() == 0
	})
	servertest.Eventually(t, "no instances of strangers are counted", func() bool { return s.cfg.Budgets.Instances.Used() == 0 })
	stop()
	if a := enter(s, "late", "192.0.2.1:1", "late"); a.Refusal == nil || a.Refusal.Code != session.RefusedStopping {
		t.Errorf("after the end: %v", a.Refusal)
	}
}

// TestADrainReachesInstancesThatStartedOnDemand: their clients are told, and their
// recordings finished; what a killed server leaves is mended when its instance is
// asked for, and not before.
func TestADrainReachesInstancesThatStartedOnDemand(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	s, stop := runWith(t, Config{Data: data}, rooms+"}")
	streams := filepath.Dir(s.Served()[0].Streams)
	p := connect(t, s, "app/two").hello()
	p.on(1, "publish", "cam", "record")
	p.expect("event 0", "onStatus NetStream.Publish.Start", "onStatus NetStream.Record.Start")
	audio(t, p, 0)
	audio(t, p, 500)
	servertest.Eventually(t, "it is on the disk", func() bool { _, err := os.Stat(filepath.Join(streams, "two", "cam.flv")); return err == nil })
	killed := t.TempDir()
	if err := os.CopyFS(killed, os.DirFS(data)); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.expect("onStatus NetConnection.Connect.AppShutdown", "end")
		p.conn.Close()
	}()
	stop()
	whole := func(data string) bool {
		b, err := os.ReadFile(filepath.Join(data, "app", "streams", "two", "cam.flv"))
		_, finished := flv.Finished(bytes.NewReader(b), int64(len(b)))
		return err == nil && finished
	}
	if !whole(data) {
		t.Error("the recording is not finished")
	}

	// Nobody who was lost is expected back any more.
	s, _ = runWith(t, Config{Data: killed, started: time.Now().Add(-time.Hour)}, rooms+"}")
	connect(t, s, "app/one").hello()
	if journal, err := os.ReadDir(filepath.Join(killed, "app", "streams", "two", ".recording")); err != nil || len(journal) != 1 || whole(killed) {
		t.Errorf("nobody has asked for it: %v, %v", journal, err)
	}
	if !plays(t, connect(t, s, "app/two").hello(), "cam") || !whole(killed) {
		t.Error("it is not mended when it is asked for")
	}
	v := connect(t, s, "app/two").hello()
	v.on(1, "play", "cam")
	v.expect("event 4") // StreamIsRecorded
}

// TestLabelsOfMetricsAreBounded: who has the key makes a label, strangers do not;
// and no counter goes back.
func TestLabelsOfMetricsAreBounded(t *testing.T) {
	t.Parallel()
	s, _ := run(t, "{application: app, instance: one, onDemandInstances: true, idle: {unloadAfter: 20ms}}")
	key, err := os.ReadFile(s.Served()[0].KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	figures := func() (labels []string, connections, publications uint64) {
		for _, one := range s.Stats() {
			labels = append(labels, one.Name)
			connections += one.Total.Connections
			publications += one.Total.Publications
		}
		slices.Sort(labels)
		return labels, connections, publications
	}
	for n := range 5 {
		connect(t, s, fmt.Sprint("app/stranger", n)).hello()
	}
	if labels, connections, _ := figures(); !slices.Equal(labels, []string{"*", "one"}) || connections != 5 {
		t.Errorf("%v, %d connections", labels, connections)
	}
	p := connect(t, s, "app/known").hello()
	p.on(1, "publish", "cam?key="+strings.TrimSpace(string(key)), "live")
	p.expect("event 0", "onStatus NetStream.Publish.Start")
	labels, connections, publications := figures()
	if !slices.Equal(labels, []string{"*", "known", "one"}) || connections != 6 || publications != 1 {
		t.Errorf("%v, %d connections, %d publications", labels, connections, publications)
	}
	_, text := get(t, "http://"+s.HTTPAddr().String()+"/metrics")
	for _, want := range []string{`flashpod_streams{application="app",instance="known"} 1`, `flashpod_connections{application="app",instance="*"} 5`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(text, `instance="stranger`) {
		t.Error("a stranger has made a label")
	}
	p.on(1, "closeStream")
	p.expect("onStatus NetStream.Unpublish.Success")
	p.conn.Close()
	servertest.Eventually(t, "its label goes with it", func() bool { labels, _, _ := figures(); return slices.Equal(labels, []string{"*", "one"}) })
	if _, connections, _ := figures(); connections != 6 {
		t.Errorf("%d connections", connections)
	}
}

// TestAConnectDuringAnUnload waits for it, and has the instance started anew.
func TestAConnectDuringAnUnload(t *testing.T) {
	t.Parallel()
	s, _ := run(t, rooms+", idle: {unloadAfter: 1ms}}")
	d := s.onDemand["app"]
	first, ok := enter(s, "1", "192.0.2.1:1", "two").Instance.(*visit)
	if !ok {
		t.Fatal("not let in")
	}
	for range maxAtDisks { // the disk is busy
		d.disks <- struct{}{}
	}
	first.Leave(session.Client{ID: "1", Address: "192.0.2.1:1"})
	servertest.Eventually(t, "it is being unloaded", func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.rooms["two"] != nil && d.rooms["two"].state == roomUnloads
	})
	answers := make(chan session.ConnectAnswer, 3)
	for n := range 3 {
		r := session.ConnectRequest{Client: session.Client{ID: fmt.Sprint("again", n), Address: "192.0.2.1:1"}, Application: "app", Instance: "two"}
		s.Connect(r, guest(n), func(a session.ConnectAnswer) { answers <- a })
	}
	select {
	case a := <-answers:
		t.Errorf("answered while the folder is still another's: %+v", a)
	default:
	}
	if a := enter(s, "one", "192.0.2.1:1", "one"); a.Refusal != nil { // others wait for nothing
		t.Error(a.Refusal)
	}
	for range maxAtDisks {
		<-d.disks
	}
	var again *instance.Instance
	for range 3 {
		a := <-answers
		v, ok := a.Instance.(*visit)
		if !ok || v.Instance == first.Instance || again != nil && v.Instance != again {
			t.Fatalf("%+v", a)
		}
		again = v.Instance
	}
}
