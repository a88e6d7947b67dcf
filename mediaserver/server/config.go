package server

import (
	"log/slog"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
)

// Config is what the command line says. Data is required, or Applications.
type Config struct {
	Data        string // folder of recordings and keys; created when missing
	RTMPAddress string // host:port, port 0 for any
	HTTPAddress string
	// WebAddress is where web pages and HTTP players connect; empty: nowhere.
	// WebOrigins are the pages that may, beside those from this server's addresses and
	// those that a document lets into its instance: as browsers write origins, or "*"
	// for all.
	WebAddress string
	WebOrigins []string
	// WebRTCAddress is the UDP port of WebRTC, for who connects to WebAddress; empty:
	// the same port, where there is a WebAddress; WebRTCOff: nowhere. WebRTCAdvertise
	// is a file with the addresses under which clients reach it, see webrtc.Options.
	WebRTCAddress, WebRTCAdvertise string
	// WebRTCRelay is the address of this server's own, with or without the port of WebRTC, at
	// which others with the same link key reach it, where clients reach all of them under one
	// address, see webrtc.Among; "": clients reach this server alone.
	WebRTCRelay string
	// NoWebRTCTCP has clients of WebRTC that cannot send UDP find no port of TCP, which is
	// of the same number: there it is not reached by connecting to it.
	NoWebRTCTCP bool

	// RTMPSAddress is where clients connect by TLS, with the certificate in
	// the files below, which are read again when they change, and may be bad or
	// missing until then. Empty: nowhere.
	RTMPSAddress            string
	TLSCertFile, TLSKeyFile string
	// TLSFolder has more certificates, for clients that call other names: each folder in
	// it has a tls.crt and a tls.key. Empty: there are none.
	TLSFolder string

	// EdgeOf is the host:port where an origin takes links, whose instances this server
	// serves as an edge, and none of its own; empty: it is no edge. The documents of an edge
	// say who may connect to it, see edges. LinkKeyFile is a file, or a folder of files,
	// with the keys of links, one a line; without EdgeOf it has edges let in, and is made
	// where it is missing. They let them in at LinkAddress alone, or, where that is empty,
	// at RTMPAddress; an edge lets in others at LinkAddress alone.
	EdgeOf, LinkKeyFile, LinkAddress string
	// LeaveFile is a file with a time such as 2m while new clients of this server's address
	// come to other servers, such as edges of it: those that are here are asked to connect
	// again, in the course of half of it. Empty: nobody ever is.
	LeaveFile string
	// Routes is a file by which this server is a gateway to the origins that it names, see
	// routing.File, and serves no instances of its own; empty: it is none.
	Routes string
	// WakeURL is where a gateway asks for instances to be woken that sleep; empty: nowhere,
	// and who comes for them is refused.
	WakeURL string
	// EdgeMayReach are origins beside EdgeOf, with its keys, that clients of an edge may name
	// themselves: HOST[:PORT] as they do, and =HOST:PORT behind it where links are taken
	// elsewhere.
	EdgeMayReach []string
	// EdgeMayReachFile has more of them, each with the key that it wants to be shown, see
	// routing.Reach; read again when it changes, and may be missing. Empty: there are none.
	EdgeMayReachFile string
	// LinkGuestKeyFile has keys, one a line, by which edges of others are let in that are not
	// handed LinkKeyFile; read again when it changes, and may be missing. Empty: none are.
	LinkGuestKeyFile string
	// CacheDir is where an edge keeps pieces of recordings, up to CacheSize bytes; empty: in
	// the first folder within CacheUnder that no other edge has, or, where that is empty or
	// cannot be used, in memory alone, as with a size of 0.
	CacheDir, CacheUnder string
	CacheSize            int64

	// DebugAddress is where developers ask how it is; it is to be a loopback
	// address. Empty: nowhere.
	DebugAddress string

	// PublishKeyFile holds the key of every instance whose publishers need
	// one; it is read again when it changes, and may be missing until then.
	// Empty: a key per instance is made and kept under Data.
	PublishKeyFile string

	// ConsoleTokens is a folder with the tokens of the console, in the files admin and
	// viewer; they are read again as they change, and who has none does not get in. Empty:
	// both are made and kept under Data.
	ConsoleTokens string

	// Applications is a folder of applications as Flash Media Server had them, each of
	// which is served but for those that a manifest is about, with what is recorded in
	// it. Empty: none. Without Data, it is that as well.
	Applications string
	// ScriptFolder has the files of the script of manifests that have one; empty: there
	// is none, and they cannot be served.
	ScriptFolder string
	// ScriptLibrary is where scripts' load looks last; empty: nowhere.
	ScriptLibrary string
	// ScriptHosts are what scripts of Applications may reach over the network, as
	// spec.script.allowedHosts.
	ScriptHosts []string
	// ScriptSecureAs is what client.protocol says to scripts of clients that come by
	// TLS; default rtmps.
	ScriptSecureAs string

	// PublisherIdle is how long a publisher may send nothing before it is told
	// so; default 30 s.
	PublisherIdle time.Duration
	// PublisherTimeout is how long a publisher may send nothing before another
	// may take its name, where spec.access.publish.takeOver is WhenSilent;
	// default 1 s.
	PublisherTimeout time.Duration
	// HTTPNames are what the HTTP server is called: it answers to its addresses,
	// to localhost, to these names, to those that this machine has in its hosts
	// file and, in a pod, to those of Services in its namespace, and to no other.
	HTTPNames []string
	// MaxConnections is how many connections may be open at once, of clients
	// and of strangers that have not connected yet; more are closed as they
	// come. Default: as many as the budget of files leaves beside HTTP.
	MaxConnections int
	DrainTimeout   time.Duration // for clients to go by themselves; default 10 s
	Version        string
	Log            *slog.Logger
	// LeftOut counts lines that the log does not have, by reason; nil: it has
	// them all. It does not wait.
	LeftOut func() map[string]uint64
	// Budgets bound what clients make the process spend. Default: of the memory
	// that the process may have (see budget.Memory), and as many files as
	// connections may be open.
	Budgets *budget.Budgets

	clock clock
	// cacheMinFree is how many bytes an edge's cache leaves to others; 0: the default.
	cacheMinFree int64
	// farTime is what other servers have for answers about shared objects; 0: the default.
	farTime time.Duration
	// callTime is what a script has for each call at least, whatever its manifest says.
	callTime time.Duration
	// maxStrangers is how many links may have shown no key yet; 0: the default.
	maxStrangers int
	// viewerIdle is how long a viewer by HTTP may make no request before it has gone; 0: the
	// default.
	viewerIdle time.Duration
	// linkWaits is how long who connects to an edge waits for a link, fileWaits who plays a
	// recording there, streamWaits who watches a live stream there by HTTP or WebRTC or
	// publishes by WebRTC, and linkVersion the newest version of it that is spoken; 0: the default.
	linkWaits   time.Duration
	fileWaits   time.Duration
	streamWaits time.Duration
	linkVersion int
	// handshakeTime is what clients by TLS have to say what they speak; 0: the default.
	handshakeTime time.Duration
	// wordsTime is what clients for whom there is no place have to hear so; 0: the default.
	wordsTime time.Duration
	// rtcConnect is what a client of WebRTC has from its offer to its first packet; 0: the
	// default.
	rtcConnect time.Duration
	// rtcSilence is how long such a client that is connected may send nothing; 0: the default.
	rtcSilence time.Duration
	hosts      string    // the file with this machine's own names; default: hostsFile
	started    time.Time // when it has, for publishers that were lost then; default: now
}

// setDefaults sets what was left out.
func (cfg *Config) setDefaults() {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.hosts == "" {
		cfg.hosts = hostsFile
	}
	if cfg.maxStrangers == 0 {
		cfg.maxStrangers = maxStrangers
	}
	if cfg.wordsTime == 0 {
		cfg.wordsTime = wordsTimeout
	}
	if cfg.handshakeTime == 0 {
		cfg.handshakeTime = handshakeTime
	}
	if cfg.started.IsZero() {
		cfg.started = time.Now()
	}
	if cfg.DrainTimeout == 0 {
		cfg.DrainTimeout = 10 * time.Second
	}
	if cfg.Budgets == nil {
		memory, says := budget.Memory()
		cfg.Budgets = budget.For(memory, socketFiles(), cfg.Log)
		cfg.Log.Debug("budgets are made from the memory that there is", "bytes", memory, "says", says)
	}
	if cfg.MaxConnections <= 0 {
		cfg.MaxConnections = socketPlaces(cfg.Budgets.Files)
		if cfg.Routes != "" { // each may be the only one of its instance, and of its stream
			cfg.MaxConnections = max(cfg.MaxConnections/connectionsPerClient, 1)
		}
	}
	if cfg.Data == "" {
		cfg.Data = cfg.Applications
	}
}
