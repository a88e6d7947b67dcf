package script_test

import (
	"time"

	"flashpod.dev/flashpod/mediaserver/script/engine"
)

// short are limits for scripts that run into them.
var short = engine.Limits{Time: 300 * time.Millisecond, Grace: 300 * time.Millisecond}
