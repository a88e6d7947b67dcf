-- Of the two actions one is offered at a time.
local suspended = obj.spec.suspend == true

return {
  suspend = {disabled = suspended, iconClass = "fa fa-fw fa-pause"},
  resume = {disabled = not suspended, iconClass = "fa fa-fw fa-play"},
}
