package session_test

import (
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/instance"
)

// begins has the event that the tests below interrupt: a recording of a publisher
// that is still live.
func begins(t *testing.T, s *house) (p *netStreams) {
	t.Helper()
	p = connectStreams(t, s, 1)
	p.on(1, "publish", "main")
	p.expect("1 Publish.Start")
	p.audio(1, 1000)
	p.audio(1, 2000)
	return p
}

func nobodyPublishes(t *testing.T, s *house) {
	t.Helper()
	eventually(t, "nobody publishes", func() bool { return s.Stats()[0].Streams == 0 })
}

// opensRecording is what a player hears up to the first sound of a recording.
func (c *netStreams) opensRecording(words ...string) {
	c.t.Helper()
	c.expect(append(words, "1 Play.Start", "1 [|RtmpSampleAccess false false]", "1 [onStatus {}]")...)
	w := c.next()
	if strings.HasPrefix(w, "1 [onMetaData") {
		w = c.next()
	}
	if w != "1 audio 0" {
		c.t.Fatalf("got %q, want the recording", w)
	}
}

func recordsAll(within time.Duration) place {
	return open.with(func(r *instance.Rules) { r.Recording, r.PublisherReturn = instance.RecordAll, within })
}

// The publisher of an event is lost, and its viewers are back before it is: they
// get the event when it goes on, and not the hours before.
func TestViewersAreBackBeforeTheirPublisher(t *testing.T) {
	everyWay(t, testViewersAreBackBeforeTheirPublisher)
}

func testViewersAreBackBeforeTheirPublisher(t *testing.T, w way) {
	s, _ := run(t, w, recordsAll(time.Hour))
	v := connectStreams(t, s, 1)
	begins(t, s).conn.Close() // without a word
	nobodyPublishes(t, s)
	v.plays(1, "main")
	joined(t, s, 1)
	p := connectStreams(t, s, 1)
	p.on(1, "publish", "main")
	p.expect("1 Publish.Start")
	v.expect("1 Play.PublishNotify")
	p.audio(1, 0)
	if w := v.next(); !strings.HasPrefix(w, "1 audio ") {
		t.Errorf("got %q", w)
	}
	// Who asks for the recording gets it, and so does who wants a second of it.
	for _, args := range [][]amf.Value{{"main", 0.0}, {"main", -2.0, 1000.0}} {
		other := connectStreams(t, s, 1)
		other.on(1, "play", args...)
		other.expect("1 Play.Reset", "1 Play.Start", "1 [|RtmpSampleAccess false false]")
		if w := other.next(); (w == "1 [onStatus {}]") != (args[1] == 0.0) {
			t.Errorf("play%v gets %q", args, w)
		}
	}
}

// It does not come back: viewers that wait get the recording, and their playlist
// goes on behind it.
func TestPublisherThatDoesNotComeBack(t *testing.T) { everyWay(t, testPublisherThatDoesNotComeBack) }

func testPublisherThatDoesNotComeBack(t *testing.T, w way) {
	s, _ := run(t, w, recordsAll(20*time.Second)) // in which a machine that is busy has four viewers play
	put(t, s, "next", 1)
	v, list, gone, moved := connectStreams(t, s, 1), connectStreams(t, s, 1), connectStreams(t, s, 1), connectStreams(t, s, 1)
	begins(t, s).conn.Close()
	nobodyPublishes(t, s)
	for _, c := range []*netStreams{v, list, gone, moved} {
		c.plays(1, "main")
	}
	list.on(1, "play", "next", 0.0, -1.0, false)
	gone.conn.Close()
	moved.on(1, "play", "other", -1.0)
	moved.expect("1 Play.Reset", "1 Play.Start", "1 [|RtmpSampleAccess false false]")

	for _, c := range []*netStreams{v, list} {
		c.opensRecording()
		c.expect("1 audio 1000")
	}
	v.expect("1 [onPlayStatus {}]", "1 Play.Stop")
	list.opensNext()
	moved.call("FCUnsubscribe", 9, nil)
	moved.expect("0 _result [{}]")

	late := connectStreams(t, s, 1)
	late.on(1, "play", "main")
	late.opensRecording("1 Play.Reset")
}

// opensNext expects the next item of a playlist, whose timestamps go on.
func (c *netStreams) opensNext() {
	c.t.Helper()
	c.expect("1 [onPlayStatus {}]", "1 Play.Start", "1 [|RtmpSampleAccess false false]", "1 [onStatus {}]")
	w := c.next()
	if strings.HasPrefix(w, "1 [onMetaData") {
		w = c.next()
	}
	if !strings.HasPrefix(w, "1 audio 1") {
		c.t.Fatalf("got %q, want the next item", w)
	}
}

// A publisher that says that it is done is not waited for.
func TestPublisherThatIsDone(t *testing.T) { everyWay(t, testPublisherThatIsDone) }

func testPublisherThatIsDone(t *testing.T, w way) {
	for name, end := range map[string]func(p *netStreams){
		"FCUnpublish":    func(p *netStreams) { p.call("FCUnpublish", 0, nil, "main") },
		"closeStream":    func(p *netStreams) { p.on(1, "closeStream") },
		"deleteStream":   func(p *netStreams) { p.call("deleteStream", 0, nil, 1.0) },
		"publish(false)": func(p *netStreams) { p.on(1, "publish", false) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _ := run(t, w, recordsAll(time.Hour))
			v, p := connectStreams(t, s, 1), begins(t, s)
			end(p)
			p.conn.Close()
			nobodyPublishes(t, s)
			eventually(t, "its recording is finished", func() bool { return s.Stats()[0].Recordings == 0 })
			v.on(1, "play", "main")
			v.opensRecording("1 Play.Reset")
		})
	}
}
