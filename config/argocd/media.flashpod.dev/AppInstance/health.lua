-- The health of an AppInstance (obj), as its conditions tell it. Where kstatus
-- has a word for it, the two agree: Reconciling is Progressing, Stalled is
-- Degraded. Argo CD itself answers for an AppInstance that is being deleted.
-- It runs this without the string library.
local status = obj.status or {}

local function condition(kind)
  for _, c in ipairs(status.conditions or {}) do
    if c.type == kind then
      return c
    end
  end
  return {}
end

local function holds(kind)
  return condition(kind).status == "True"
end

-- Conditions are about the spec that the operator has seen, so that an edit
-- that it has not seen makes them say nothing.
if status.observedGeneration == nil or status.observedGeneration < 1 then
  return {status = "Progressing", message = "the operator has not seen this AppInstance yet: is it running, and does it watch this namespace?"}
end
if status.observedGeneration < (obj.metadata.generation or 0) then
  return {status = "Progressing", message = "the operator has not seen the last edit yet"}
end

-- What waits for a person comes first: it would otherwise stay hidden behind a
-- suspension until somebody resumes.
for _, kind in ipairs({"Stalled", "NameConflict"}) do
  if holds(kind) then
    return {status = "Degraded", message = condition(kind).message}
  end
end

if holds("Reconciling") then
  return {status = "Progressing", message = condition("Reconciling").message}
end

if obj.spec.suspend or holds("Suspended") then
  return {status = "Suspended", message = condition("Suspended").message}
end

local ready = condition("Ready")
if ready.status == "True" then
  local message = ready.message or ""
  if holds("UpgradePending") then
    message = message .. "; an upgrade is pending: " .. (condition("UpgradePending").message or "")
  end
  return {status = "Healthy", message = message}
end

return {status = "Progressing", message = ready.message or "the operator has not said yet whether it is ready"}
