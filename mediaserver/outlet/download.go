package outlet

import (
	"mime"
	"net/http"
	"path"
	"strconv"
)

// Download has a browser save the answer instead of showing it, under the name that the
// path ends with, where a request asks for that: ?download=1 (RFC 6266).
func Download(w http.ResponseWriter, r *http.Request) {
	if asked, err := strconv.ParseBool(r.URL.Query().Get("download")); err != nil || !asked {
		return
	}
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": path.Base(r.URL.Path)}))
}
