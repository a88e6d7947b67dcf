package script_test

import (
	"time"

	"flashpod.dev/flashpod/mediaserver/script/engine"
)

// short are limits for scripts that run into them.
var short = engine.Limits{Time: 100 * time.Millisecond, Grace: 100 * time.Millisecond}
