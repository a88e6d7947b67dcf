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
	// Accept lets a client in that waits for it, and Reject does not. Of a client
	// that waits no more nothing happens.
	Accept(client string)
	Reject(client string, why Rejection)
	// Disconnect ends the connection of a client.
	Disconnect(client string)
	// SetAccess says what a client may use from now on. Before Accept it holds from
	// the acceptance on.
	SetAccess(client string, a Access)
	// Invoke calls a method of a client's NetConnection; what is sent to a client
	// before its acceptance follows that. Nobody waits for the answer if there is no
	// function for it. false: the client is gone.
	Invoke(client, method string, args []amf.Value, answer func(Answer)) bool
	// Shutdown ends the instance: its clients are told, and it is unloaded.
	Shutdown()
}

// Answer is what a call has come to.
type Answer struct {
	Value amf.Value // the result, or what _error came with
	Error bool      // it was an _error, or there will be no answer
}

// Call is a call of a client's.
type Call struct {
	Client string
	Method string
	Args   []amf.Value
	// Answer is called once, from any goroutine, and does not wait.
	Answer func(CallAnswer)
}

// CallAnswer answers a client's call.
type CallAnswer struct {
	Value amf.Value
	// Missing: there is no method of that name, and the server's own may answer.
	Missing bool
	// Failed is why there is no result; "": there is. Missing ones have a reason, too.
	Failed string
}
