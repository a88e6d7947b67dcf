package script

import (
	"net/url"

	"flashpod.dev/flashpod/mediaserver/amf"
)

// Client is a client as it has connected.
type Client struct {
	ID       string // unique in the process
	Address  string // host:port
	Agent    string // what it calls itself: flashVer
	Protocol string // rtmp or rtmps
	Secure   bool
	URI      string // tcUrl
	Referrer string // swfUrl
	PageURL  string
	Query    url.Values // of tcUrl and app
	AMF3     bool       // objectEncoding 3
	// Again says that the client was let in before, and is there since: the server was
	// lost to the edge where it is.
	Again bool
}

// Rejection is why a client is not let in.
type Rejection struct {
	Description string    // "" : "Connection failed."
	Application amf.Value // info.application of the client; nil: none
	// Redirect is another URL that the client is to try (info.ex.redirect with code
	// 302); "": none.
	Redirect string
}

// Access is what a client may use, as FMS's readAccess and its like say it: names of
// folders or streams between semicolons, "/" for all and "" for none.
type Access struct {
	Read, Write              string // streams and shared objects
	AudioSample, VideoSample string
}

// Instance is what a script does to its instance, which acts in the order in which it
// is asked. Methods do not wait, but for those that say so. Functions that are given
// to it are called once, from any goroutine, and do not wait.
type Instance interface {
	// ID names the instance among all that there are, in any server.
	ID() string
	// Accept lets a client in that waits for it, and Reject does not. Of a client
	// that waits no more nothing happens.
	Accept(client string)
	Reject(client string, why Rejection)
	// Settle calls done when all is done that was asked before.
	Settle(done func())
	// Disconnect ends the connection of a client, also of one that waits to be let in.
	Disconnect(client string)
	// SetAccess says what a client may use from now on. Before Accept it holds from
	// the acceptance on.
	SetAccess(client string, a Access)
	// Invoke calls a method of a client's NetConnection; what is sent to a client
	// before its acceptance follows that. Nobody waits for the answer if there is no
	// function for it. false: the client is gone.
	Invoke(client, method string, args []amf.Value, answer func(Answer)) bool
	// Broadcast calls a method of all clients that are in, without an answer: it costs
	// less than to call each.
	Broadcast(method string, args []amf.Value)
	// Shutdown ends the instance: its clients are told, and it is unloaded. It asks
	// Host.Stop, whose refusal it passes over, tells Host.Leave of each client, and
	// then calls Host.Close.
	Shutdown()

	// Lost says that all that the script knew is gone, and that it begins anew. The
	// instance stays; the clients that the script was asked about (nil: all that there
	// are) are told the reason (AppShutdown) and disconnected, those of them that wait to
	// be let in rejected, and streams and shared objects that the script had opened are
	// given back. The next script is asked about the others.
	Lost(reason string, clients []string)
	// Failed says what has gone wrong in the script; the log knows already. A script
	// may fail as often as it is called: twenty times a second at most.
	Failed(p Problem)

	// Stats asks what the instance has done, and ClientStats what it has done for one
	// client; ok is false when that is gone. The owner answers at once.
	Stats(answer func(Stats))
	ClientStats(client string, answer func(s ClientStats, ok bool))
	// SetBandwidth bounds what goes to a client and comes from it, in bytes a second;
	// 0: as the instance's configuration says.
	SetBandwidth(client string, toClient, toServer float64)
	// Ping asks a client for a sign of life, whose round trip ClientStats tells
	// later. CheckBandwidth does what the client's own call of that name does.
	Ping(client string)
	CheckBandwidth(client string)
	// Length finds out how long a recorded stream is, in seconds; 0 if there is none.
	// That may need the disk: the answer comes later.
	Length(stream string, answer func(seconds float64))

	SharedObjects
	Streams
}

// Stats are what application.getStats tells: counts since the instance began, and
// bytes a second of late.
type Stats struct {
	BytesIn, BytesOut, MessagesIn, MessagesOut, MessagesDropped uint64
	Connects, Disconnects                                       uint64
	BandwidthIn, BandwidthOut                                   float64
}

// ClientStats are what client.getStats tells.
type ClientStats struct {
	Stats
	RoundTrip float64 // milliseconds
	// Queued and Dropped are messages that wait for the client, and that it was
	// spared.
	QueuedAudio, QueuedVideo, QueuedObjects, QueuedData int
	DroppedAudio, DroppedVideo                          uint64
	DroppedAudioBytes, DroppedVideoBytes                uint64
}

// Answer is what a call has come to.
type Answer struct {
	Value amf.Value // the result, or what _error came with
	Error bool      // it was an _error, or there will be no answer
	// Taken is called, from any goroutine, when the value is held no more: until then it is
	// the client's that waits. nil: nobody asks.
	Taken func()
}

func (a Answer) taken(string) {
	if a.Taken != nil {
		a.Taken()
	}
}

// Call is a call of a client's.
type Call struct {
	Client string
	Method string
	Args   []amf.Value
	Size   int // of the arguments, in bytes, as they came
	// Answer is called once, from any goroutine, and does not wait.
	Answer func(CallAnswer)
}

// CallAnswer answers a client's call.
type CallAnswer struct {
	Value amf.Value // the result; of a call that was sent on, also what another server's error came with
	// Missing: there is no method of that name, and the server's own may answer.
	Missing bool
	// Failed is why there is no result; "": there is. Missing ones have a reason, too.
	Failed string
}
