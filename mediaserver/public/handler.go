package public

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// Options of the handler.
type Options struct {
	// RTMP serves a connection whose bytes are RTMP, and which a request has opened. It
	// returns when that has ended.
	RTMP func(net.Conn, *http.Request)
	// SDK serves the files of the JavaScript SDK.
	SDK http.Handler
	// Watch serves the page of a stream, and what is below WatchPath.
	Watch http.Handler
	// Policy says which movies of Flash Player may use the server.
	Policy PolicyFile
	// Publish and Receive begin sessions by WebRTC, at the path of a stream; nil: there
	// are none.
	Publish, Receive func(w http.ResponseWriter, r *http.Request, path string)
	// Studio serves the page that publishes a stream, and what is below StudioPath.
	Studio http.Handler
	// Streams serves what is not under /-/.
	Streams http.Handler
	// Origins says which pages may use what is at a path; at RTMPPath, those that may
	// use anything.
	Origins func(path string) Origins
}

const (
	// RTMPPath is where a WebSocket carries RTMP.
	RTMPPath = "/-/rtmp"
	// SDKPath is where the JavaScript SDK is.
	SDKPath = "/-/sdk/"
	// WatchPath is where the pages are that play a stream.
	WatchPath = "/-/watch/"
	// WHIPPath and WHEPPath are where streams are published and watched by WebRTC.
	WHIPPath = "/-/whip/"
	WHEPPath = "/-/whep/"
	// StudioPath is where the pages are that publish a stream.
	StudioPath = "/-/studio/"
	// answerTime is how long an answer may take to be read by its client: a segment is
	// some seconds of a stream, and who is slower than that has lost it already.
	answerTime = 30 * time.Second
)

// Handler serves:
//
//	/-/rtmp    RTMP in the binary frames of a WebSocket
//	/-/sdk/    the JavaScript SDK: flashpod.js, flashpod.d.ts
//	/-/watch/  a page for each stream, which plays it
//	/-/studio/ a page for each stream, which publishes it
//	/-/whip/   a stream is published by WebRTC (RFC 9725)
//	/-/whep/   and watched
//	/-/        nothing else yet
//	/crossdomain.xml  the policy file of Flash Player
//	/          all else: Options.Streams
func Handler(o Options) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc(RTMPPath, o.rtmp)
	mux.Handle(SDKPath, o.SDK)
	mux.Handle(PolicyPath, o.Policy)
	mux.Handle(WatchPath, o.Watch)
	mux.Handle(StudioPath, o.Studio)
	mux.HandleFunc(WHIPPath, o.webrtc(WHIPPath, o.Publish))
	mux.HandleFunc(WHEPPath, o.webrtc(WHEPPath, o.Receive))
	mux.HandleFunc("/-/", func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, fmt.Sprintf("nothing is at %.100q; a page that plays a stream is at %sAPPLICATION/INSTANCE/NAME, one that publishes it at %sAPPLICATION/INSTANCE/NAME, RTMP by WebSocket at %s, its client for web pages at %sflashpod.js, and WebRTC at %[6]sAPPLICATION/INSTANCE/NAME and %[7]sAPPLICATION/INSTANCE/NAME", r.URL.Path, WatchPath, StudioPath, RTMPPath, SDKPath, WHIPPath, WHEPPath), http.StatusNotFound)
	})
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "Flashpod. A page that plays a stream is at %sAPPLICATION/INSTANCE/NAME, and one that publishes it at %sAPPLICATION/INSTANCE/NAME; the stream is at /APPLICATION/INSTANCE/NAME.flv, also by WebSocket, and at /APPLICATION/INSTANCE/NAME/index.m3u8; a recording is also at /APPLICATION/INSTANCE/NAME.mp4; RTMP by WebSocket is at %s.\n", WatchPath, StudioPath, RTMPPath)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if o.origins(r).share(w, r) || isWebSocket(r) && o.keepOut(w, r) {
			return
		}
		o.Streams.ServeHTTP(Late(w), r)
	})
	return strict(mux)
}

// strict has no answer taken for what it does not say it is, nor for a policy file.
func strict(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("X-Permitted-Cross-Domain-Policies", "master-only")
		h.ServeHTTP(w, r)
	})
}

// Late makes of an answer one that has its time from when it begins, as those of streams
// need, wherever they are served.
func Late(w http.ResponseWriter) http.ResponseWriter { return late{w, http.NewResponseController(w)} }

// late gives an answer its time from when it begins: it may have been waited for.
type late struct {
	http.ResponseWriter
	c *http.ResponseController
}

// Write implements io.Writer.
func (l late) Write(b []byte) (int, error) {
	if err := l.c.SetWriteDeadline(time.Now().Add(answerTime)); err != nil {
		return 0, err
	}
	return l.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (l late) Unwrap() http.ResponseWriter { return l.ResponseWriter }

func isWebSocket(r *http.Request) bool {
	return strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// origins are the pages that may make a request; who is no page, is not looked up.
func (o *Options) origins(r *http.Request) Origins {
	if r.Header.Get("Origin") == "" {
		return Origins{}
	}
	return o.Origins(r.URL.Path)
}

// keepOut refuses pages that may not use the server. Browsers let any page open a
// WebSocket: it is the server that must look whose it is [RFC 6455 §10.2].
func (o *Options) keepOut(w http.ResponseWriter, r *http.Request) (refused bool) {
	if o.origins(r).Allow(r) {
		return false
	}
	http.Error(w, fmt.Sprintf("pages of %.100q may not use this server: allow them by spec.web.allowedOrigins, or with flashpod serve --web-origin", r.Header.Get("Origin")), http.StatusForbidden)
	return true
}

// rtmp serves RTMP in a WebSocket [RFC 6455]: the frames are pieces of one stream of
// bytes, wherever they are cut, as proxies of sockets send them.
func (o *Options) rtmp(w http.ResponseWriter, r *http.Request) {
	if !isWebSocket(r) {
		if r.ProtoMajor == 1 {
			w.Header().Set("Upgrade", "websocket")
		}
		http.Error(w, "here is RTMP in a WebSocket: connect to it with one", http.StatusUpgradeRequired)
		return
	}
	if o.keepOut(w, r) {
		return
	}
	nc, err := accept(w, r)
	if err != nil {
		return
	}
	o.RTMP(nc, r)
	_ = nc.Close() // it is over in any case
	<-nc.done
}
