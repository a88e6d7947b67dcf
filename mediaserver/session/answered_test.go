package session_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/session"
)

// question is a command, and what came between it and the next thing that was
// asked.
type question struct {
	name        string
	stream      uint32
	transaction float64
	args        []amf.Value
	state       string
	answers     []*rtmp.Message
}

func (q *question) String() string {
	args := fmt.Sprintf("%.40v", q.args)
	return fmt.Sprintf("%s%s on stream %d, transaction %v, while it is %s", q.name, args, q.stream, q.transaction, q.state)
}

// answered says whether a call was, by its transaction id.
func (q *question) answered() bool {
	return slices.ContainsFunc(q.answers, func(m *rtmp.Message) bool {
		if m.Type != rtmp.TypeCommand {
			return false
		}
		cmd, err := rtmp.ParseCommand(m)
		return err == nil && (cmd.Name == "_result" || cmd.Name == "_error") &&
			(cmd.Transaction == q.transaction || cmd.Transaction != cmd.Transaction && q.transaction != q.transaction)
	})
}

// netStreamCommands are those of [SPEC §7.2.2], and what came after it.
var netStreamCommands = []string{
	"play", "play2", "deleteStream", "closeStream", "receiveAudio", "receiveVideo", "receiveVideoFPS", "publish", "seek", "pause", "pauseRaw",
}

// questions are every command that a session knows, and some that it does not, on
// streams that were created and that were not, with arguments that are right and
// wrong.
func questions() (all []*question) {
	names := append(session.CommandNames(), "connect", "noSuchMethod", "")
	slices.Sort(names)
	arguments := [][]amf.Value{
		{}, {nil}, {amf.Undefined{}}, {7.0}, {-1.0}, {math.NaN()}, {1e300}, {true}, {false}, {""}, {"cam"}, {"a\x00b"},
		{strings.Repeat("n", 600)}, {&amf.Object{}}, {"cam", "y", "z", "a"}, {"cam", 0.0, 0.0, true}, {amf.NewObject("streamName", "cam")},
	}
	streams, transactions := []uint32{0, 1, 7, math.MaxUint32}, []float64{0, 5, math.NaN()}
	for _, state := range []string{"idle", "playing", "publishing"} {
		for _, name := range names {
			if name == "_result" || name == "_error" {
				continue // they are answers themselves
			}
			for _, stream := range streams {
				for _, transaction := range transactions {
					for _, args := range arguments {
						all = append(all, &question{name: name, stream: stream, transaction: transaction, args: args, state: state})
					}
				}
			}
		}
		streams, transactions = []uint32{1, 7}, []float64{0, 5} // what is wrong is wrong in each state
	}
	return all
}

// TestNoCommandIsMetBySilence asks everything. A command with a transaction id
// hears its answer, and one of a NetStream hears at least a status.
func TestNoCommandIsMetBySilence(t *testing.T) {
	t.Parallel()
	for _, w := range []way{here, overShortPipe} {
		t.Run(string(w), func(t *testing.T) {
			t.Parallel()
			all := questions()
			if w == overShortPipe { // a link answers as its instance does, but late
				all = slices.DeleteFunc(all, func(q *question) bool {
					return q.transaction != 5 || q.state != "idle" || len(q.args) != 1
				})
			}
			s, _ := run(t, w, open)
			askAll(t, s, all)
			for _, q := range all {
				ofStream := slices.Contains(netStreamCommands, q.name)
				switch {
				case ofStream && len(q.answers) == 0:
					t.Errorf("silence: %v", q)
				case (!ofStream || q.name == "deleteStream" || q.name == "closeStream") && q.transaction != 0 && !q.answered():
					t.Errorf("no answer: %v", q) // the end of a stream has no status, and its caller may wait
				}
			}
		})
	}
}

// askAll puts the questions to one connection, one behind another, each between
// two marks.
func askAll(t *testing.T, s *house, all []*question) {
	t.Helper()
	conn, _, err := rtmp.Dial(context.Background(), "rtmp://"+s.RTMPAddr().String()+"/x", rtmp.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const mark = 1e6 // the first transaction id of a mark
	done, connected := make(chan int, 1), make(chan struct{})
	go func() {
		var asked *question
		last := -1
		defer func() { done <- last }()
		_ = conn.Serve(func(m *rtmp.Message) error {
			if cmd, err := rtmp.ParseCommand(m); err == nil && m.Type == rtmp.TypeCommand && cmd.Name == "_result" && cmd.Transaction >= mark && cmd.Transaction < 1e9 {
				n := int(cmd.Transaction - mark)
				asked = nil
				if n%2 == 0 {
					asked = all[n/2]
				}
				if last = n; n == 2*len(all)-1 {
					conn.Close()
				}
				return nil
			}
			if last < 0 && m.Type == rtmp.TypeCommand {
				if servertest.Word(m) == success {
					close(connected)
				}
			}
			if asked != nil {
				own := *m
				own.Payload = slices.Clone(m.Payload)
				asked.answers = append(asked.answers, &own)
			}
			return nil
		})
	}()
	say := func(id uint32, name string, transaction float64, object amf.Value, args ...amf.Value) {
		if err := conn.SendCommand(id, name, transaction, object, args...); err != nil {
			t.Fatalf("%v, behind mark %d of %d", err, <-done, 2*len(all))
		}
	}
	say(0, "connect", 1, amf.NewObject("app", "app/one", "tcUrl", "rtmp://h/app/one"))
	select {
	case <-connected:
	case <-time.After(patience):
		t.Fatal("not connected")
	}
	for n, q := range all {
		say(0, "deleteStream", 0, nil, float64(q.stream))
		q.enter(say)
		say(0, "FCUnsubscribe", mark+float64(2*n), nil)
		say(q.stream, q.name, q.transaction, nil, q.args...)
		say(0, "FCUnsubscribe", mark+float64(2*n+1), nil)
	}
	if last := <-done; last != 2*len(all)-1 {
		t.Fatalf("the connection ended behind mark %d of %d: %v", last, 2*len(all), all[max(last, 0)/2])
	}
}

// enter brings the stream of a question into the state in which it is asked.
func (q *question) enter(say func(id uint32, name string, transaction float64, object amf.Value, args ...amf.Value)) {
	if q.stream == 1 {
		say(0, "createStream", 0, nil)
	}
	switch q.state {
	case "playing":
		say(q.stream, "play", 0, nil, "waited for")
	case "publishing":
		say(q.stream, "publish", 0, nil, "mine")
	}
}

// TestStreamsThatWereNeverCreated has encoders and players that write a message
// stream of their own choice, as many do.
func TestStreamsThatWereNeverCreated(t *testing.T) { everyWay(t, testStreamsThatWereNeverCreated) }

func testStreamsThatWereNeverCreated(t *testing.T, w way) {
	for id, created := range map[uint32]int{1: 0, 5: 0, 0: 0, 3: 1} {
		s, _ := run(t, w, open)
		v, p := connectStreams(t, s, created), connectStreams(t, s, created)
		name := fmt.Sprintf("cam%d", id)
		v.plays(id, name)
		joined(t, s, 1)
		p.on(id, "publish", name, "live")
		p.expect(fmt.Sprint(id, " Publish.Start"))
		v.expect(fmt.Sprint(id, " Play.PublishNotify"))
		for at := range media.Timestamp(3) {
			p.audio(id, at)
			v.expect(fmt.Sprint(id, " audio ", at))
		}
		p.call("deleteStream", 4, nil, float64(id))
		p.expect(fmt.Sprint(id, " Unpublish.Success"), "0 _result [{}]")
		v.expect(fmt.Sprint(id, " Play.UnpublishNotify"))
		// The id counts as created.
		next := map[uint32]int{1: 2, 5: 1, 0: 1, 3: 2}[id]
		v.call("createStream", 8, nil)
		v.expect(fmt.Sprintf("0 _result [%d]", next))
	}
}

// TestStreamsThatWereNeverCreatedAreLimited has as many as may be, and one more.
func TestStreamsThatWereNeverCreatedAreLimited(t *testing.T) {
	t.Parallel()
	s, _ := run(t, here, open)
	c := connectStreams(t, s, 0)
	for id := range uint32(session.MaxNetStreams) {
		c.on(id, "seek", 0.0)
		c.expect(fmt.Sprint(id, " Seek.Failed"))
	}
	for command, want := range map[string]string{"publish": "Publish.BadName", "play": "Play.Failed", "seek": "Seek.Failed", "pause": "Play.Failed", "closeStream": "Play.Failed"} {
		c.on(7000, command, "cam")
		c.expect("7000 " + want)
	}
	c.call("deleteStream", 2, nil, 3.0)
	c.expect("0 _result [{}]")
	c.plays(7000, "cam")
}
