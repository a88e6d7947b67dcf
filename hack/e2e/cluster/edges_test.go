//go:build e2e

package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/hack/e2e/witness"
)

// edges waits until so many edges are wanted and ready, and the Service leads where it is
// to lead then.
func (w *world) edges(name string, n int) {
	w.t.Helper()
	leads := "edge"
	if n == 0 {
		leads = "origin"
	}
	var now string
	until(w.t, 2*patience, fmt.Sprintf("%d edges, and the Service to lead to the %s", n, leads), func() bool {
		now = w.try("get", "appinstance", name, "-o", `jsonpath={.status.edges.ready}/{.status.edges.desired} {.status.conditions[?(@.type=="EdgesReady")].status}`) +
			" " + w.try("get", "service", name, "-o", `jsonpath={.spec.selector.app\.kubernetes\.io/component}`)
		return now == fmt.Sprintf("%d/%d True %s", n, n, leads)
	})
}

// edgePods are the edges that do not go, by their names: the addresses of their pods.
func (w *world) edgePods() map[string]string {
	w.t.Helper()
	all := map[string]string{}
	for line := range strings.Lines(w.kubectl("get", "pods", "-l", "app.kubernetes.io/component=edge", "-o",
		`jsonpath={range .items[*]}{.metadata.name} {.status.podIP} {.metadata.deletionTimestamp}{"\n"}{end}`)) {
		if f := strings.Fields(line); len(f) == 2 {
			all[f[0]] = f[1]
		}
	}
	return all
}

// runs says whether a command that runs beside the test has not ended.
func (m *media) runs() bool {
	select {
	case <-m.done:
		return false
	default:
		return true
	}
}

const (
	edgeDrain = 10 * time.Second // of the AppInstance below
	theShow   = `apiVersion: media.flashpod.dev/v1alpha1
kind: AppInstance
metadata: {name: show}
spec:
  application: show
  instance: _definst_
  access: {publish: {mode: Anyone}}
  recording: {mode: All}
  script: {configMap: {name: room}}
  drain: {timeout: 10s}
  edges: {}
`
)

// One origin and three edges: a publisher at one edge, viewers and people who chat at all of
// them, each edge reached by itself, a recording that is sought at an edge, while edges come
// and go, by kubectl scale and by force, and the origin goes and comes back. What each client
// has lost is what the test says.
func TestEdges(t *testing.T) {
	w := newWorld(t, "e2e-edges")
	main := filepath.Join(t.TempDir(), "main.asc")
	if err := os.WriteFile(main, []byte(witness.Script), 0o600); err != nil {
		t.Fatal(err)
	}
	w.kubectl("create", "configmap", "room", "--from-file", main)
	if out, err := w.apply(theShow); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s := &show{world: w, url: w.ready("show"), cam: &witness.Stream{Name: "cam", Frame: 40, GOP: 4000}, news: &witness.Stream{Name: "news", Frame: 40, GOP: 4000}}
	t.Cleanup(s.figures)
	// At the origin, as long as that is there.
	encoder := run(t, "ffmpeg", live(s.url+"/news")...)
	s.view("origin", s.news, s.url, false)
	s.viewers[0].Plays(t, 25)
	follows := witness.View(t, "origin, follows", s.news, witness.Place{First: s.url, Again: s.url}, true)
	follows.Plays(t, 25)

	w.kubectl("scale", "appinstance/show", "--replicas=3")
	w.edges("show", 3)
	// The origin's own clients are asked to go where the Service leads, and who does not follow stays.
	follows.Told(t, "NetConnection.Connect.ReconnectRequest", 1)
	follows.Returned(t, 1)
	follows.Plays(t, 25)
	if saw := follows.Seen(); saw.Lost != 0 || saw.Failed != 0 {
		t.Errorf("who followed the Service to an edge has lost something: %s", follows)
	}
	t.Log(follows)
	follows.End()
	s.settle()
	s.scaleUnderLoad()
	s.edgeDies()
	if film := s.film; !film.runs() && film.err != nil {
		t.Errorf("published at an edge: %v\n%s", film.err, film.out.String())
	}
	if at, key := witness.Sought(t, s.at(0), "film", 6*time.Second); !key || at < 5*time.Second || at > 7*time.Second {
		t.Errorf("sought at an edge, the recording goes on at %v (a keyframe: %v)", at, key)
	}
	if !encoder.runs() || s.viewers[0].Seen().Connects != 1 {
		t.Errorf("as edges went, the origin's own clients were cut off: %v\n%s\n%s", encoder.err, encoder.out.String(), s.viewers[0])
	}
	encoder.text()
	s.viewers[0].End()
	s.originGoes()

	for _, c := range s.chatters {
		c.End()
	}
	for _, v := range s.viewers {
		v.End()
	}
	s.publisher.text()
	w.kubectl("scale", "appinstance/show", "--replicas=0")
	w.edges("show", 0)
	publish(t, s.url+"/again", lasting)
	plays(t, s.url+"/again", 1, "-read_intervals", "%+1")
	if key := w.kubectl("get", "secret", "show-link", "-o", "go-template={{.data.keys | base64decode}}"); len(strings.TrimSpace(key)) != 64 {
		t.Errorf("a link key of %d characters", len(key))
	} else if all := w.try("logs", "-l", "app.kubernetes.io/name=flashpod", "--tail=-1") + w.try("get", "pods,deployments,statefulsets,configmaps", "-o", "yaml"); strings.Contains(all, strings.TrimSpace(key)) {
		t.Error("the key of links is where it is not to be")
	}
}

// live are publishing's arguments for a stream that lasts, with a keyframe every four
// seconds: so much a machine that is slow may differ between two viewers.
func live(url string) []string {
	all := publishing(url, "600")
	return slices.Insert(all, len(all)-3, "-g", "100")
}

// show is what goes on at the edges.
type show struct {
	*world
	url       string // of the Service
	cam, news *witness.Stream
	pods      []string // edges, as they were at first
	addresses []string
	publisher *media // at the first edge
	film      *media // is recorded, at the second
	player    *media // ffmpeg, at the second
	viewers   []*witness.Viewer
	chatters  []*witness.Chatter
}

// at is the URL of the instance at an edge.
func (s *show) at(edge int) string { return "rtmp://" + s.addresses[edge] + ":1935/show" }

func (s *show) view(name string, of *witness.Stream, at string, follows bool) *witness.Viewer {
	s.t.Helper()
	v := witness.View(s.t, name, of, witness.Place{First: at, Again: s.url}, follows)
	s.viewers = append(s.viewers, v)
	return v
}

func (s *show) figures() {
	for _, v := range s.viewers {
		s.t.Log(v)
	}
	for _, c := range s.chatters {
		s.t.Log(c)
	}
}

// settle has clients come to each edge, the fewest to the last of them.
func (s *show) settle() {
	t := s.t
	t.Helper()
	pods := s.edgePods()
	for name := range pods {
		s.pods = append(s.pods, name)
	}
	slices.Sort(s.pods)
	for _, name := range s.pods {
		s.addresses = append(s.addresses, pods[name])
	}
	if len(s.pods) != 3 {
		t.Fatalf("the edges are %v", pods)
	}
	s.publisher = run(t, "ffmpeg", live(s.at(0)+"/cam")...)
	s.film = run(t, "ffmpeg", publishing(s.at(1)+"/film", "10")...)
	s.view("first", s.cam, s.at(0), true)
	s.view("first, stays", s.cam, s.at(0), false)
	s.view("first, news", s.news, s.at(0), true)
	s.view("second", s.cam, s.at(1), true)
	s.view("second, stays", s.cam, s.at(1), false)
	s.view("second, news", s.news, s.at(1), true)
	s.view("third, stays", s.cam, s.at(2), false)
	s.view("third", s.cam, s.at(2), true)
	for i, name := range []string{"anna", "ben", "carl"} {
		s.chatters = append(s.chatters, witness.Chat(t, name, witness.Place{First: s.at(i), Again: s.url}, true))
	}
	for _, v := range s.viewers {
		v.Plays(t, 25)
	}
	s.player = run(t, "ffmpeg", "-v", "error", "-i", s.at(1)+"/cam", "-c", "copy", "-f", "null", "-")
	for _, c := range s.chatters {
		c.Talks(t, 5)
		c.Reads(t, s.chatters...)
	}
	want := float64(len(s.viewers) + len(s.chatters) + 2) // two publish; a player that has just begun, and who makes a film, may count
	until(t, patience, fmt.Sprintf("the script at the origin to count %v clients", want), func() bool {
		n, _ := s.chatters[0].Ask(t, "count").(float64)
		return n >= want && n <= want+2
	})
}

// named is a viewer.
func (s *show) named(name string) *witness.Viewer {
	s.t.Helper()
	return s.viewers[slices.IndexFunc(s.viewers, func(v *witness.Viewer) bool { return v.Name() == name })]
}

// except are the viewers but some, as they are now.
func (s *show) except(names ...string) map[*witness.Viewer]witness.Seen {
	all := map[*witness.Viewer]witness.Seen{}
	for _, v := range s.viewers {
		if !slices.Contains(names, v.Name()) {
			all[v] = v.Seen()
		}
	}
	return all
}

// unnoticed has all of them play on, and says who has noticed anything.
func (s *show) unnoticed(when string, all map[*witness.Viewer]witness.Seen) {
	s.t.Helper()
	for v, before := range all {
		v.Plays(s.t, 25)
		if what := v.Undisturbed(before); what != "" {
			s.t.Errorf("%s: %s has noticed: %s", when, v.Name(), what)
		}
	}
}

// back says whether a viewer who has connected again plays within a GOP of that.
func (s *show) back(v *witness.Viewer, times int) {
	s.t.Helper()
	v.Returned(s.t, times)
	if what := v.Came(); what != "" {
		s.t.Errorf("%s is back, but %s", v.Name(), what)
	}
}

// scaleUnderLoad takes the emptiest edge away, and has another come. Who is asked to connect
// again misses nothing, and nobody else is cut off before spec.drain.timeout.
func (s *show) scaleUnderLoad() {
	t := s.t
	t.Helper()
	others := s.except("third", "third, stays")
	went := time.Now()
	s.kubectl("scale", "appinstance/show", "--replicas=2")
	s.edges("show", 2)
	if left := s.edgePods(); left[s.pods[0]] == "" || left[s.pods[1]] == "" {
		t.Errorf("of %v, of whom the last has the fewest clients, %v are left", s.pods, left)
	}
	third := s.named("third")
	s.back(third, 1)
	if n := third.Seen().Lost; n != 0 {
		t.Errorf("who was asked to connect again has lost %d ms", n)
	}
	stays := s.named("third, stays")
	s.back(stays, 1)
	if after := stays.ToldAt("NetConnection.Connect.AppShutdown").Sub(went); after < edgeDrain {
		t.Errorf("who stays was cut off %v after the edge went, before %v", after, edgeDrain)
	}
	s.kubectl("scale", "appinstance/show", "--replicas=3")
	s.edges("show", 3)
	s.unnoticed("edges went and came", others)
	s.film.wait()
}

// edgeDies kills the second edge.
func (s *show) edgeDies() {
	t := s.t
	t.Helper()
	here := []string{"second", "second, stays", "second, news"}
	// Who came back before may be at any edge.
	others := s.except(append(here, "third", "third, stays")...)
	anna := [2]int{s.chatters[0].Connects(), s.chatters[0].Denied()}
	s.kubectl("delete", "pod", s.pods[1], "--grace-period=0", "--force")
	for _, name := range here {
		s.back(s.named(name), 1)
	}
	s.player.wait() // it knows nothing of connecting again
	s.edges("show", 3)
	s.unnoticed("an edge died", others)
	if now := [2]int{s.chatters[0].Connects(), s.chatters[0].Denied()}; now != anna {
		t.Errorf("an edge died: who chats at another was let in, and denied, %v times, %v before", now, anna)
	}
	for _, c := range s.chatters {
		c.Talks(t, 5)
	}
	for _, c := range s.chatters {
		c.Reads(t, s.chatters...)
	}
}

// originGoes deletes the origin's pod while all go on.
func (s *show) originGoes() {
	t := s.t
	t.Helper()
	all := s.except("origin", "first, news", "second, news") // whose publisher was the origin's
	connects := map[*witness.Chatter]int{}
	for _, c := range s.chatters {
		connects[c] = c.Connects()
	}
	recordings := filepath.Join(s.volume("data-show-0"), "show", "streams", "_definst_", "cam-*.flv")
	files, _ := filepath.Glob(recordings)
	if len(files) != 1 {
		t.Fatalf("the stream is recorded in %v", files)
	}
	before := pictures(t, files[0])
	s.anotherPod("show")
	for v, seen := range all {
		for _, code := range []string{"NetStream.Play.UnpublishNotify", "NetStream.Play.PublishNotify"} {
			v.Told(t, code, seen.Told(code)+1)
		}
		v.Plays(t, 50)
		if now := v.Seen(); now.Connects != seen.Connects {
			t.Errorf("the origin went: %s was cut off", v)
		}
	}
	if !s.publisher.runs() {
		t.Errorf("the origin went: the publisher at an edge was cut off: %v\n%s", s.publisher.err, s.publisher.out.String())
	}
	for _, c := range s.chatters {
		c.Talks(t, 5)
		if c.Connects() != connects[c] {
			t.Errorf("the origin went: %s was cut off", c)
		}
		if c.Ask(t, "isBack") != true {
			t.Errorf("onConnect of the origin that is back does not say of %s that it is", c)
		}
	}
	for _, c := range s.chatters {
		c.Reads(t, s.chatters...)
	}
	want := map[string]string{}
	for _, c := range s.chatters {
		for line, text := range c.Acknowledged() {
			want[line] = text
		}
	}
	if lost := witness.Missing(witness.Wall(t, "rtmp://"+s.kubectl("get", "pod", "show-0", "-o", "jsonpath={.status.podIP}")+":1935/show"), want); len(lost) > 0 {
		t.Errorf("of %d lines that were acknowledged %d are lost, %s the first", len(want), len(lost), lost[0])
	}
	if files, _ = filepath.Glob(recordings); len(files) != 1 {
		t.Errorf("after the origin came back, the stream is recorded in %v", files)
	} else {
		plays(t, files[0], before+25) // it goes on
	}
}
