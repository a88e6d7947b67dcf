package session

import (
	"context"
	"errors"
	"net/url"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/playback"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// What a session asks of the instance that its client has connected to. The
// instance may live in this process or behind a link to another server: a
// session does not know. So requests and answers are plain values, and what a
// viewer reads is always a log or a file in this process.
//
// Every request is answered exactly once, by a call of its answer function,
// from any goroutine, perhaps before the request returns. An answer function
// does not wait, and takes no lock that is held while something is asked.

// Client is the client that a request is made for.
type Client struct {
	ID      string // unique in this process
	Address string // of the client, host:port
	Agent   string // what it calls itself (flashVer), cut to some 64 bytes
	// Server is the instance that it says it is (instanceId), whose script has connected;
	// "": none. Anybody may say so of any: what comes of it is to harm the client alone.
	Server string
}

// ConnectRequest is what connect asks. What it says of itself comes from the client:
// each text is cut to 4 KiB, and all of it was one message of 64 KiB at most.
type ConnectRequest struct {
	Client
	Application, Instance string

	URI      string     // tcUrl
	Referrer string     // swfUrl
	PageURL  string     // pageUrl
	Query    url.Values // of app and tcUrl
	Secure   bool       // the connection is encrypted: rtmps
	// ServerName is what the client has called this server in the handshake of TLS
	// [RFC 6066 §3]; "": nothing.
	ServerName string
	Origin     string      // see Config.Origin
	AMF3       bool        // objectEncoding 3
	Args       []amf.Value // behind the command object: for the application
	// Via names the edges that it has come through, the client's own first.
	Via []string
	// Again says that the client was let in before, and is there since: the instance was
	// lost, or the way to it, and is asked anew.
	Again bool
	// Far is the origin, host:port, that a client has named to an edge in the explicit form
	// of Flash Media Server, rtmp://edge/?rtmp://origin/application/instance; "": none.
	Far string
	// Gone is closed when nothing more can come from the client, for who has it wait for
	// long; nil: that is not known.
	Gone <-chan struct{}
	// Waits ends when the client is not to wait any longer for who owns its instance, who is
	// looked for: it is refused with RefusedNoAnswer then. nil: who looks decides.
	Waits context.Context
}

// ConnectAnswer has the instance, or why the client is not let in.
type ConnectAnswer struct {
	Instance Instance
	// Scripted says that calls of the client's are for the instance: Instance.Call.
	Scripted bool
	// Pending says that the instance has a place for the client, and has not decided
	// yet whether to let it in: Instance.Admit says so. Such a client leaves as any.
	Pending bool
	// MaxMessageSize is how many bytes a command, a data message or a shared
	// object of the client may have; 0: 1 MiB.
	MaxMessageSize int
	// ID is what the instance is called among all that there are; a client that says it is
	// an instance itself is told.
	ID      string
	Refusal *Refusal // nil: none
}

// Peer is a connected client as its instance sees it.
type Peer interface {
	// Tell brings an update of a shared object.
	sharedobject.Subscriber
	// Invoke calls a method of the client's NetConnection. answer is called once, as
	// answers are, with what comes of it; nil: none is wanted. What is said to a
	// client that pends, by this and by Disconnect, follows its being let in, in
	// order.
	Invoke(v Invocation, answer func(Answer))
	// CheckBandwidth measures the client's line, as its own call of that name does.
	CheckBandwidth()
	// Ping asks the client for a sign of life: see Traffic.
	Ping()
	// SetBandwidth bounds what the client is sent and what is read from it, in bytes a
	// second; 0: nothing does.
	SetBandwidth(toClient, toServer int64)
	// Disconnect ends the connection, once all that was said to the client is sent.
	Disconnect()
	// Fail ends the connection at once, since the client cannot be told what it waits for;
	// the log says why.
	Fail(why error)
	// Bytes returns what the connection has received and sent so far. It does
	// not wait: a link keeps the figures that it was sent last.
	Bytes() (in, out uint64)
	// Traffic returns what more there is to know, as Bytes does.
	Traffic() Traffic
	// Shutdown tells the client that the instance goes away, and ends the
	// connection soon after. It does not wait for the client, nor for what the
	// session is doing.
	Shutdown(reason string)
}

// Returner is a Peer that stays when its instance is lost, or the way to it, until the
// instance is there again. Whoever has kept it says what has come of asking anew.
type Returner interface {
	Peer
	// Returned says that the instance has the client again, or with a Refusal, that it
	// does not let it in any more: the client is told why, and its connection ends. It does
	// not wait.
	Returned(ConnectAnswer)
}

// Traffic is what has gone over a client's connection.
type Traffic struct {
	In, Out     uint64 // bytes
	MessagesIn  uint64
	MessagesOut uint64        // those included that wait for the client's socket
	RoundTrip   time.Duration // of the last ping that was answered; 0: none was
	// Dropped are messages of live streams that the client was spared, as it did not take
	// those before, and Waiting those that wait for it: within the last second.
	Dropped, Waiting rtmp.Tally
	// WaitingObjects are shared objects that have something to tell the client, and wait
	// until it has taken what came before.
	WaitingObjects int
}

// Directory finds the instance that a connect names, and asks it to let the
// client in. A client that was let in leaves by Instance.Leave.
type Directory interface {
	Connect(r ConnectRequest, peer Peer, answer func(ConnectAnswer))
}

// Instance is a running instance of an application, for one client that it has a
// place for.
type Instance interface {
	// Admit asks whether a client is let in whose connect pends. It is answered
	// once that is decided: nil: it is.
	Admit(c Client, answer func(*Refusal))
	// Call has the instance's script answer a client's call.
	Call(CallRequest, func(CallAnswer))
	// MayPublish asks whether Publish would be refused for what the client
	// shows of itself. It changes nothing but the count of refusals.
	MayPublish(PublishRequest, func(*Refusal))
	// Publish asks for a name to publish.
	Publish(PublishRequest, func(PublishAnswer))
	// Play asks for a stream to play.
	Play(PlayRequest, func(PlayAnswer))
	// Length asks how long a recorded stream is.
	Length(LengthRequest, func(LengthAnswer))
	// Withdraw says that a client does not wait any more for what Play or Length
	// was asked: it has gone, or its time is over. What is not answered yet need
	// not be found out; it is answered all the same.
	Withdraw(Client)
	// Refused says that the session itself has refused a request to publish,
	// which could not be understood: it is counted and logged with the
	// instance's own refusals.
	Refused(PublishRequest, *Refusal)
	// SharedObject does what a message about a shared object asks for. What comes
	// of it the Peer is told. done is called, as answers are, when all of it was
	// done and everybody told, or when it waits for a disk: a client that has many of
	// them under way should wait for some.
	SharedObject(r SharedObjectRequest, done func())
	// Leave says that a client has gone. All that it had been given was given
	// back before, but for shared objects, which it releases.
	Leave(Client)
}

// CallRequest is a call of a client's: NetConnection.call.
type CallRequest struct {
	Client
	Method string // as the client says it: it may have dots or slashes
	Args   []amf.Value
	Size   int  // of the message, in bytes
	AMF3   bool // that the result may have: see rtmp.Values
}

// CallAnswer is what has come of a call.
type CallAnswer struct {
	Result rtmp.Values // one value; with Failed, what the client is given in place of our own words
	// Missing: there is no method of that name, and the session's own may answer.
	Missing bool
	Failed  string // why there is no result; "": there is one, or Missing
}

// Invocation is a call of a client's method: see NewInvocation.
type Invocation struct {
	Method  string
	Args    rtmp.Values
	message *rtmp.Message // of a call without an answer; nil: it is made when it is needed
}

// NewInvocation makes a call that many may be sent, and is not made anew for each.
func NewInvocation(method string, args rtmp.Values) Invocation {
	return Invocation{method, args, args.Command(method, 0)}
}

// Answer is what has come of a call of a client's method.
type Answer struct {
	Value amf.Value // the result, or the information object of an error
	Error bool      // the client has answered _error, or not at all
	// Taken is called, from any goroutine, when nobody holds the value any more that
	// has come from the client: it is paid for until then, and a large one keeps the client
	// from saying more. nil: nobody asks.
	Taken func()
}

// Credentials are what a client shows of its right to do something.
type Credentials struct {
	Key string // from ?key= of the stream's name or of the connection's URL; over HTTP also Authorization
}

// PublishMode is the second argument of NetStream.publish.
type PublishMode string

// The modes a client may ask for.
const (
	PublishLive   PublishMode = "live"
	PublishRecord PublishMode = "record"
	PublishAppend PublishMode = "append"
	// PublishAppendWithGap keeps the time between the old end and the new
	// beginning, so that several appended streams stay in step.
	PublishAppendWithGap PublishMode = "appendWithGap"
)

// PublishRequest is all that a decision about a publisher needs.
type PublishRequest struct {
	Client
	Name        string
	Query       string // behind the name's question mark
	Mode        PublishMode
	Credentials Credentials
	// Again says that the client has published it before, and not ended it: the instance was
	// lost. A recording of it goes on.
	Again bool
	// RecordingEnded is called, at most once for a recording that has begun or was
	// promised, and as answers are, when a
	// recording that was promised could not begin, has ended by itself (a full
	// disk), or could not be finished; before Close says that it has ended.
	RecordingEnded func(*Refusal)
	// TakenOver is called, at most once and as answers are, when another publisher
	// has taken the name over; Write says so, too.
	TakenOver func(*Refusal)
	// RecordingBegan is called, as answers are, when a recording has begun after all
	// of which was said that there is none: it has all from the first packet on. It
	// may end by itself, as any other.
	RecordingBegan func()
	// Interrupted is called, as answers are, when the way to the instance is lost over which
	// it is published: what is written is dropped until Resumed is called, which says what
	// was. An instance in this process calls neither; nil: nobody wants to know.
	Interrupted func()
	Resumed     func(Gap)
	// KeyframeWanted is called, as answers are, when there is such a way again, or another: what
	// is published goes on with the next keyframe. nil: the publisher cannot be asked for one.
	KeyframeWanted func()
}

// Gap is what is known to be missing of what was published: more may be, that was under way
// when the way to the instance was lost.
type Gap struct {
	Messages uint64        // of sound and pictures
	Lasts    time.Duration // by their times
}

// PublishAnswer has the publication, or why there is none.
type PublishAnswer struct {
	Publication Publication
	Proved      bool     // the client has shown that it may publish; else anybody may
	Recorded    bool     // it is written to a file, from its first packet on
	NotRecorded *Refusal // why it is not, although that was asked for
	Refusal     *Refusal // nil: none
}

// Publication is a name that a client publishes. Write and Clear are never
// called by two at once; the rest may be called from any goroutine.
type Publication interface {
	// Write hands one audio, video or data message to the stream. The payload
	// is copied. It fails with stream.ErrClosed when the publication is over,
	// and with a Refusal of the code RefusedTaken when another publisher has
	// taken the name over.
	Write(*rtmp.Message) error
	// Clear forgets the data that was set for a handler, and says whether
	// there was any: as Write, it is about the log in this process.
	Clear(handler string) bool
	// LastWrite is when the last message came or, before the first, when the
	// publication began.
	LastWrite() time.Time
	// Close ends the publication, and is answered even if the instance is
	// lost: players get their UnpublishNotify, the
	// recording is finished, and the name is free again. ended, called as
	// answers are, is told why the recording is not whole, nil when it is.
	// Closing again, as after a takeover, does nothing but answer when it has
	// ended.
	Close(how Ending, ended func(error))
}

// Travels is a Publication whose instance is elsewhere: what was written is on its way there
// for a while, and so is its end behind it.
type Travels interface {
	// Arrived grows, every few seconds, as long as more of it arrives.
	Arrived() uint64
}

// Ending is how a publication ends.
type Ending int

// The two. A name that is lost waits a while for its publisher, before its
// recording is what players get.
const (
	EndedLost  Ending = iota // with its connection, or by the server
	EndedAsked               // by its publisher's own wish
)

// From says what play may take.
type From int

// What play may take: its argument start.
const (
	LiveOrRecorded From = iota // -2: live if it is published, else recorded if it is there, else live
	LiveOnly                   // -1
	RecordedOnly               // 0 and more
)

// PlayRequest is all that a decision about a player needs.
type PlayRequest struct {
	Client
	Name string
	From From
	// MustExist refuses, of LiveOrRecorded, a name that nobody publishes and
	// that is not recorded: the player does not wait for a publisher.
	MustExist bool
	// NobodyCame lets a player of LiveOrRecorded wait for a publisher that was
	// lost a moment ago, where a recording would else be what it gets. It is
	// called, at most once and as answers are, when that one has not come back.
	// Nil: the player does not wait.
	NobodyCame func()
	// Lost is called, at most once and as answers are, when what plays was refused to the
	// client since: it is to be sent nothing more of it, and gives it back as ever.
	Lost func(*Refusal)
	// Interrupted is called, as answers are, when the way to the instance is lost from which
	// a recorded stream comes: what is not here of it is waited for, a while, unless Resumed
	// is called. Nil: nobody wants to know.
	Interrupted func()
	Resumed     func()
	Credentials Credentials
}

// PlayAnswer has a live stream or a recorded one, or why there is neither. A
// live stream is given back by Release; a file by its Close.
type PlayAnswer struct {
	Live         *stream.Stream
	Release      func() // may be called from any goroutine, once
	File         *playback.File
	SampleAccess SampleAccess
	Refusal      *Refusal // nil: none

	way *way // of the session's: on which it comes
}

// ErrWay says that bytes of a recorded stream have not come because the way to the instance
// is lost, and was not there again in time.
var ErrWay = errors.New("the way to the server that has it is lost")

// SharedObjectRequest is a client's message about a shared object.
type SharedObjectRequest struct {
	Client
	Form    sharedobject.Form // that its answers are to have
	Message *sharedobject.Message
}

// SampleAccess says whether clients may draw pictures of what they play and
// compute spectra of its sound: |RtmpSampleAccess.
type SampleAccess struct{ Audio, Video bool }

// LengthRequest asks for the length of a recorded stream.
type LengthRequest struct {
	Client
	Name        string
	Credentials Credentials
}

// LengthAnswer has the length, or why it is not known.
type LengthAnswer struct {
	Length  time.Duration
	Refusal *Refusal // nil: none
}
