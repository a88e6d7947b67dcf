package server

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"flashpod.dev/flashpod/api/v1alpha1/waking"
	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// keeper is whoever wakes instances, with one that it says how far it is.
type keeper struct {
	t   *testing.T
	url string
	key string

	mu     sync.Mutex
	asked  map[string]int // by name
	answer waking.Answer
}

func newKeeper(t *testing.T, key string) *keeper {
	k := &keeper{t: t, key: key, asked: map[string]int{}, answer: waking.Answer{State: waking.Waking, Reason: "Starting"}}
	s := httptest.NewServer(http.HandlerFunc(k.serve))
	t.Cleanup(s.Close)
	k.url = s.URL + waking.Path
	return k
}

func (k *keeper) serve(out http.ResponseWriter, in *http.Request) {
	text, err := io.ReadAll(in.Body)
	if err != nil {
		return
	}
	r, err := waking.ParseRequest(text)
	if err == nil {
		err = r.Check(k.key, time.Now())
	}
	if err != nil || in.URL.Path != waking.Path {
		k.t.Errorf("%s %q: %v", in.URL, text, err)
		return
	}
	k.mu.Lock()
	k.asked[r.Name]++
	a := k.answer
	k.mu.Unlock()
	_ = json.NewEncoder(out).Encode(r.Answer(k.key, a))
}

// says has it answer so from now on.
func (k *keeper) says(a waking.Answer) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.answer = a
}

// names is how many instances it was asked for.
func (k *keeper) names() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.asked)
}

func (k *keeper) count(name string) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.asked[name]
}

// nowhere is an origin that nobody is at: what an instance has that sleeps.
const nowhere = "127.0.0.1:1"

const sleepKey = "the-key-of-one-that-sleeps"

func sleepy(more string) string {
	return fmt.Sprintf("routes: [{name: ns/lobby, application: chat, instance: lobby, linkKey: %s, origin: %q, %s}]", sleepKey, nowhere, more)
}

// An instance sleeps until clients come: they wait with their handshake done, whoever wakes
// is asked for all of them, a server starts, and they are let in, publish and play. When its
// server has gone again, who comes next wakes it again, whatever the routes say of it.
func TestConnectWakes(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, sleepKey)
	g := runGateway(t, Config{WakeURL: k.url, linkWaits: time.Second}, sleepy("wake: {asleep: true, timeout: 60s}"))
	var pod *Server
	var stop func()
	starts := func() { // what the operator does, and then what keeps routes
		key := servertest.WriteFiles(t, t.TempDir(), "gateway", sleepKey)
		pod, stop = runWith(t, Config{LinkKeyFile: key, LinkAddress: anyAddress}, "{application: chat, instance: lobby, "+anyone+"}")
		was := g.log.Count("msg=routes")
		g.write(t, strings.Replace(sleepy("wake: {asleep: true, timeout: 60s}"), nowhere, pod.LinkAddr().String(), 1))
		servertest.Eventually(t, "the routes lead there", func() bool { return g.log.Count("msg=routes") > was })
	}

	p := connect(t, g.Server, "chat/lobby")
	v := connect(t, g.Server, "chat/lobby")
	servertest.Eventually(t, "both wait, and one is asked", func() bool { return g.gateway.Waiting() == 2 && k.count("ns/lobby") > 1 })
	if n := g.log.Count("a client has come for an instance that sleeps"); n != 1 {
		t.Errorf("%d ask for it", n)
	}
	connect(t, g.Server, "chat/attic").expect("_error NetConnection.Connect.Rejected", "close []", "end")
	connect(t, g.Server, "talk/lobby").expect("_error NetConnection.Connect.InvalidApp", "close []", "end")
	if n := k.names(); n != 1 {
		t.Errorf("who names what there is not wakes something: it was asked for %d", n)
	}
	starts()
	k.says(waking.Answer{State: waking.Awake})
	p.hello()
	v.hello()
	p.on(1, "publish", "cam", "live")
	p.expect("event 0", "onStatus NetStream.Publish.Start")
	v.on(1, "play", "cam")
	v.expect("event 0", "onStatus NetStream.Play.Reset", "onStatus NetStream.Play.Start", "data |RtmpSampleAccess")
	servertest.Eventually(t, "it plays", func() bool { return g.gateway.Players() == 1 })
	audio(t, p, 500)
	v.expect("audio 500")
	if n := pod.Stats()[0].Connections; n != 2 || g.gateway.Waiting() != 0 {
		t.Errorf("%d clients, and %d wait", n, g.gateway.Waiting())
	}
	if status, body := servertest.Ask(t, http.MethodGet, "http://"+g.HTTPAddr().String()+"/metrics"); status != http.StatusOK || !strings.Contains(body, "flashpod_gateway_woken_total 1\n") ||
		!strings.Contains(body, "flashpod_gateway_waiting 0\n") || !strings.Contains(body, `flashpod_budget_used{budget="clients of who sleeps"} 0`) {
		t.Errorf("%d %s", status, body)
	}

	p.conn.Close()
	v.conn.Close()
	servertest.Eventually(t, "nobody is there", func() bool { return pod.Stats()[0].Connections == 0 })
	k.says(waking.Answer{State: waking.Waking, Reason: "Asleep"})
	stop()
	// The routes have not heard of it.
	g.write(t, strings.Replace(sleepy("wake: {timeout: 60s}"), nowhere, pod.LinkAddr().String(), 1))
	servertest.Eventually(t, "the routes say that it is awake", func() bool { return g.log.Count("msg=routes") == 3 })
	asked := k.count("ns/lobby")
	late := connect(t, g.Server, "chat/lobby")
	servertest.Eventually(t, "whoever wakes is asked after all", func() bool { return k.count("ns/lobby") > asked })
	starts()
	k.says(waking.Answer{State: waking.Awake})
	late.hello()
	if n := g.gateway.Woken(); n != 2 {
		t.Errorf("woken %d times", n)
	}
}

// Who waits is told why there is nothing, in words that say nothing of the cluster, and by
// the log what there is to say of that.
func TestWhoIsNotWoken(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, sleepKey)
	g := runGateway(t, Config{WakeURL: k.url}, sleepy("wake: {asleep: true, timeout: 1s}"))
	refused := func(want string) {
		t.Helper()
		c := connect(t, g.Server, "chat/lobby")
		info := c.expect("_error NetConnection.Connect.Failed")
		c.expect("close []", "end")
		if said, _ := info.Get("description"); !strings.Contains(fmt.Sprint(said), want) {
			t.Errorf("%q, want %q", said, want)
		}
	}
	refused("is not there after 1s, since its server is starting: try again.")
	for _, c := range []struct {
		answer waking.Answer
		want   string
	}{
		{waking.Answer{State: waking.Waking, Reason: "Unschedulable"}, "since there is no room for its server"},
		{waking.Answer{State: waking.Waking, Reason: waking.Busy}, "since many others are being woken"},
		{waking.Answer{State: waking.Refused, Reason: "ImagePullFailed", Message: "node7 cannot pull secret.example.com/x"}, "does not wake, since its server's image cannot be had"},
		{waking.Answer{State: waking.Refused, Reason: waking.TooOften}, "since it was woken too often"},
		{waking.Answer{State: waking.Refused, Reason: waking.Suspended}, "The instance is suspended"},
	} {
		k.says(c.answer)
		refused(c.want)
	}
	if g.log.Count("node7") != 1 {
		t.Error("the log does not say what the cluster has said")
	}
	// One that its route does not know to be asleep, and whose origin is not there: nobody
	// waits for a link longer than for one that sleeps, or for what does not come.
	k.says(waking.Answer{State: waking.Waking, Reason: "Starting"})
	asleep := g
	g = runGateway(t, Config{WakeURL: k.url, linkWaits: time.Hour}, sleepy("wake: {timeout: 1s}"))
	refused("is not there after 1s, since its server is starting: try again.")
	k.says(waking.Answer{State: waking.Refused, Reason: "ImagePullFailed"})
	g = runGateway(t, Config{WakeURL: k.url, linkWaits: time.Hour}, sleepy("wake: {timeout: 60s}"))
	refused("does not wake, since its server's image cannot be had")
	servertest.Eventually(t, "nobody waits", func() bool { return g.gateway.Waiting() == 0 })

	g = asleep
	g.write(t, sleepy("suspended: true, wake: {asleep: true}"))
	servertest.Eventually(t, "they count", func() bool { return g.log.Count("msg=routes") == 2 })
	asked := k.count("ns/lobby")
	refused("The instance is suspended")
	if k.count("ns/lobby") != asked {
		t.Error("whoever wakes is asked for an instance that a person has suspended")
	}

	alone := runGateway(t, Config{}, sleepy("wake: {asleep: true}"))
	connect(t, alone.Server, "chat/lobby").expect("_error NetConnection.Connect.Failed", "close []", "end")
	silent := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) { // it does not have the key
		text, _ := io.ReadAll(in.Body)
		r, _ := waking.ParseRequest(text)
		_ = json.NewEncoder(out).Encode(r.Answer("another-key-of-a-test", waking.Answer{State: waking.Awake}))
	}))
	t.Cleanup(silent.Close)
	g = runGateway(t, Config{WakeURL: silent.URL}, sleepy("wake: {asleep: true, timeout: 1s}"))
	refused("since whoever wakes it does not answer")
}

// For an instance that its route does not know to be asleep, whoever wakes is asked while its
// origin is still looked for, and its client is let in once that is there.
func TestWakesBeforeItIsCertain(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, sleepKey)
	key := servertest.WriteFiles(t, t.TempDir(), "gateway", sleepKey)
	const spec = "{application: chat, instance: lobby, " + anyone + "}"
	// An address at which nobody else listens meanwhile.
	pod, stop := runWith(t, Config{LinkKeyFile: key, LinkAddress: "127.73.0.1:0"}, spec)
	at := pod.LinkAddr().String()
	routes := strings.Replace(sleepy("wake: {timeout: 60s}"), nowhere, at, 1)
	g := runGateway(t, Config{WakeURL: k.url, linkWaits: time.Hour}, routes)
	first := connect(t, g.Server, "chat/lobby").hello()
	first.conn.Close()
	servertest.Eventually(t, "nobody is there", func() bool { return pod.Stats()[0].Connections == 0 })
	stop()
	c := connect(t, g.Server, "chat/lobby")
	servertest.Eventually(t, "whoever wakes is asked", func() bool { return k.count("ns/lobby") > 1 && g.gateway.Waiting() == 1 })
	runWith(t, Config{LinkKeyFile: key, LinkAddress: at}, spec)
	c.hello() // by the link, whoever wakes says by then
	servertest.Eventually(t, "nobody waits", func() bool { return g.gateway.Waiting() == 0 })
	if n := g.log.Count("a client has come for an instance that sleeps"); n != 1 {
		t.Errorf("the log says %d times that it sleeps", n)
	}
}

// Those who wait are bounded, of an address and of all, and who leaves makes room and is
// asked for no more.
func TestWhoMayWait(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, sleepKey)
	b := budget.For(1<<30, 10000, nil)
	b.Waking = budget.New("clients of who sleeps", 8) // a quarter of an address
	g := runGateway(t, Config{WakeURL: k.url, Budgets: b}, sleepy("wake: {asleep: true, timeout: 60s}"))
	one, two := connect(t, g.Server, "chat/lobby"), connect(t, g.Server, "chat/lobby")
	servertest.Eventually(t, "two wait", func() bool { return g.gateway.Waiting() == 2 })
	info := connect(t, g.Server, "chat/lobby").expect("_error NetConnection.Connect.Failed")
	if said, _ := info.Get("description"); !strings.Contains(fmt.Sprint(said), "too many wait for instances that sleep") {
		t.Error(said)
	}
	one.conn.Close()
	servertest.Eventually(t, "who has gone makes room", func() bool { return g.gateway.Waiting() == 1 && b.Waking.Used() == 1 })
	three := connect(t, g.Server, "chat/lobby")
	servertest.Eventually(t, "another waits", func() bool { return g.gateway.Waiting() == 2 })
	two.conn.Close()
	three.conn.Close()
	servertest.Eventually(t, "nobody waits", func() bool { return g.gateway.Waiting() == 0 && b.Waking.Used() == 0 })
	asked := k.count("ns/lobby")
	four := connect(t, g.Server, "chat/lobby")
	servertest.Eventually(t, "it is asked for anew", func() bool { return k.count("ns/lobby") > asked })
	if n := g.log.Count("a client has come for an instance that sleeps"); n != 2 {
		t.Errorf("it was begun to ask %d times", n)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); g.stop() }()
	info = four.expect("_error NetConnection.Connect.AppShutdown") // it comes to another gateway then, and waits there
	if said, _ := info.Get("description"); !strings.Contains(fmt.Sprint(said), "connect again") {
		t.Error(said)
	}
	four.expect("close []", "end")
	<-ended
	if b.Waking.Used() != 0 {
		t.Errorf("%d wait at a gateway that has ended", b.Waking.Used())
	}
}
