package session_test

import (
	"context"
	"math"
	"testing"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// commands connects a client that hands out the commands it gets.
func commands(t *testing.T, s *house, app string) (*rtmp.Conn, func(name string) *rtmp.Command) {
	t.Helper()
	conn, _, err := rtmp.Dial(context.Background(), "rtmp://"+s.RTMPAddr().String()+"/x", rtmp.Config{})
	if err != nil {
		t.Fatal(err)
	}
	got, done := make(chan *rtmp.Command, 100), make(chan struct{})
	go func() {
		defer close(done)
		defer close(got)
		_ = conn.Serve(func(m *rtmp.Message) error {
			if m.Type != rtmp.TypeCommand {
				return nil
			}
			cmd, err := rtmp.ParseCommand(m)
			if err == nil {
				got <- cmd
			}
			return err
		})
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	next := func(name string) *rtmp.Command {
		t.Helper()
		cmd, ok := <-got
		if !ok || name != "" && cmd.Name != name {
			t.Fatalf("got %+v, want %s", cmd, name)
		}
		return cmd
	}
	tell(t, conn, "connect", 1, amf.NewObject("app", app, "tcUrl", "rtmp://h/"+app))
	next("_result")
	if cmd := next("onBWDone"); len(cmd.Args) != 0 { // what old clients wait for
		t.Errorf("onBWDone %v after connect", cmd.Args)
	}
	return conn, next
}

func tell(t *testing.T, conn *rtmp.Conn, name string, txn float64, object amf.Value, args ...amf.Value) {
	t.Helper()
	if err := conn.SendCommand(0, name, txn, object, args...); err != nil {
		t.Fatal(err)
	}
}

func TestBandwidthDetection(t *testing.T) { everyWay(t, testBandwidthDetection) }

func testBandwidthDetection(t *testing.T, w way) {
	for _, c := range []struct {
		ask, check, done string
		sizes            []int
		rate             int // which result is kbit/s
		results          int
	}{
		{"checkBandwidth", "onBWCheck", "onBWDone", []int{0, 16 << 10, 32 << 10, 64 << 10, 128 << 10, 256 << 10, 512 << 10}, 0, 4},
		{"_checkbw", "_onbwcheck", "_onbwdone", []int{0, 4 << 10, 16 << 10}, 1, 2},
	} {
		t.Run(c.ask, func(t *testing.T) {
			s, _ := run(t, w, open)
			conn, next := commands(t, s, "app/one")
			for range 2 { // the table of calls is as it was after the first
				tell(t, conn, c.ask, 2, nil)
				next("_result")
				rounds, sum := 0, 0
				cmd := next(c.check)
				tell(t, conn, c.ask, 3, nil) // another question starts no other measurement
				next("_result")
				for ; cmd.Name == c.check; cmd = next("") {
					payload, _ := cmd.Args[0].(string)
					if cmd.Transaction == 0 || len(payload) != c.sizes[rounds] {
						t.Fatalf("round %d: transaction %v, %d bytes", rounds, cmd.Transaction, len(payload))
					}
					sum += len(payload)
					rounds++
					tell(t, conn, "_result", cmd.Transaction, nil, 0.0)
				}
				// A busy machine looks like a slow line, which needs fewer rounds.
				if cmd.Name != c.done || cmd.Transaction != 0 || rounds < 2 || len(cmd.Args) != c.results {
					t.Fatalf("after %d rounds: %+v", rounds, cmd)
				}
				rate, _ := cmd.Args[c.rate].(float64)
				if rate <= 0 || math.IsInf(rate, 0) {
					t.Errorf("%v kbit/s", rate)
				}
				if c.results == 4 {
					kbit, seconds := cmd.Args[1].(float64), cmd.Args[2].(float64)
					if kbit < float64(sum)*8/1000 || math.Abs(rate-kbit/seconds) > 1 {
						t.Errorf("%v kbit in %v s are called %v kbit/s; %d bytes were sent", kbit, seconds, rate, sum)
					}
				}
			}
		})
	}
}

// A client without the method hears that detection is over, and asks what else
// it wants.
func TestBandwidthDetectionThatTheClientCannotDo(t *testing.T) {
	everyWay(t, testBandwidthDetectionThatTheClientCannotDo)
}

func testBandwidthDetectionThatTheClientCannotDo(t *testing.T, w way) {
	s, _ := run(t, w, open)
	conn, next := commands(t, s, "app/one")
	tell(t, conn, "checkBandwidth", 2, nil)
	next("_result")
	tell(t, conn, "_error", next("onBWCheck").Transaction, nil, amf.NewObject("code", "NetConnection.Call.Failed"))
	if cmd := next("onBWDone"); len(cmd.Args) != 0 {
		t.Errorf("%v was measured", cmd.Args)
	}
	tell(t, conn, "_result", 77, nil, "that nobody asked for")
	tell(t, conn, "createStream", 3, nil)
	next("_result")
}
