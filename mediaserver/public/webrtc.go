package public

import (
	"net/http"
	"strings"
)

// webrtc serves WHIP or WHEP below a path.
func (o *Options) webrtc(prefix string, serve func(w http.ResponseWriter, r *http.Request, path string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		origins := o.origins(r)
		h := w.Header()
		h.Add("Vary", "Origin")
		if origin := r.Header.Get("Origin"); origin != "" && origins.Allow(r) {
			h.Set("Access-Control-Allow-Origin", origin)
			h.Set("Access-Control-Expose-Headers", "Location, Link, ETag, Accept-Post, Accept-Patch, Flashpod-Left-Out, Flashpod-Refused")
		}
		switch {
		case r.Method == http.MethodOptions:
			h.Set("Access-Control-Allow-Methods", "POST, PATCH, DELETE")
			h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match")
			h.Set("Access-Control-Max-Age", "3600")
			h.Set("Accept-Post", "application/sdp")
			w.WriteHeader(http.StatusNoContent)
		case serve == nil:
			http.Error(w, "WebRTC is off here: flashpod serve --webrtc-address says where it is", http.StatusNotFound)
		case o.keepOut(w, r):
		default:
			serve(w, r, strings.TrimPrefix(r.URL.Path, prefix))
		}
	}
}
