package rtmp

import (
	"testing"
	"testing/synctest"
	"time"
)

// The answer to a ping says how long it took; what answers none says nothing.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server, client := shaken(t, true, Config{})
		defer server.Close()
		defer client.Close()
		go func() { _ = server.Serve(func(*Message) error { return nil }) }()
		if err := client.Send(UserControl(EventPingResponse, 0), UserControl(EventPingResponse, 5)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if trip := server.RoundTrip(); trip != 0 {
			t.Errorf("%v, and nothing was asked", trip)
		}
		if err := server.Ping(); err != nil {
			t.Fatal(err)
		}
		<-time.After(70 * time.Millisecond) // the client does not read until then
		go func() { _ = client.Serve(func(*Message) error { return nil }) }()
		synctest.Wait()
		if trip := server.RoundTrip(); trip != 70*time.Millisecond {
			t.Errorf("%v", trip)
		}
		if n := server.MessagesIn(); n < 3 {
			t.Errorf("%d messages", n)
		}
	})
}
