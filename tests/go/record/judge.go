package main

import "encoding/hex"

// mayIssue has the roles for each type; nil: any.
var mayIssue = map[byte][]string{
	1: {"operator"}, 2: nil, 3: {"operator"}, 4: {"operator"}, 5: {"steward", "coordinator"},
	16: {"contributor"}, 17: {"reviewer", "contributor"}, 18: {"contributor"}, 19: {"contributor"},
	20: {"contributor", "operator"}, 21: nil, 32: {"coordinator"},
}

// barred goes down the first table of Judging. With "" comes what is to be applied, if it was given.
func (all *register) barred(at int64, one leaf, content []byte) (*statement, string) {
	roles, known := mayIssue[one.kind()]
	var said *statement
	if known && one.opens(content) {
		said, _ = parse(content[32:])
	}
	held, public := all.keys[one.keyID()], []byte(nil)
	if at == 0 && said != nil {
		public, _ = hex.DecodeString(said.text("key"))
	} else if held != nil {
		public = held.public
	}
	switch {
	case at == 0 && !founds(one, said, public):
		return nil, "unfounded"
	case len(public) == 0:
		return nil, "unknown_key"
	case !one.signedBy(public, all.origin):
		return nil, "bad_signature"
	case at == 0:
		return said, ""
	case !held.countsAt(at):
		return nil, "revoked_key"
	}
	issuer := all.members[held.owner]
	switch {
	case one.sequence() <= all.positions[held.owner].sequence:
		return nil, "replayed"
	case !all.follows(one, held.owner):
		return nil, "gap"
	case issuer.suspended >= 0 && one.kind() != 21:
		return nil, "suspended"
	case !known:
		return nil, "unknown_type"
	case len(issuer.roles) == 0 || roles != nil && !issuer.has(roles...):
		return nil, "not_permitted"
	case one.opens(content) && said == nil:
		return nil, "unreadable"
	case said == nil && forAll(one.kind(), issuer):
		return nil, "withheld"
	case said == nil && len(content) > 0:
		return nil, "not_opening"
	case said == nil:
		return nil, ""
	case said.kind != one.kind():
		return nil, "malformed"
	}
	byType := map[byte]func(int64, leaf, string, *statement) string{
		1: all.barredMember, 2: all.barredKey, 3: all.barredGroup, 5: all.barredApproval, 16: all.barredAssert,
		17: all.barredOpinion, 18: all.barredOpinion, 19: all.barredOpinion, 20: all.barredErase,
		21: all.barredErase, 32: all.barredIncident,
	}[said.kind]
	if byType == nil {
		return said, ""
	}
	return said, byType(at, one, held.owner, said)
}

// forAll says whether everybody is given what an entry says.
func forAll(kind byte, issuer *member) bool {
	return kind == 1 || kind == 2 || kind == 4 || kind == 20 || kind == 5 && !issuer.has("coordinator")
}

func founds(one leaf, said *statement, public []byte) bool {
	return said != nil && said.kind == 1 && one.kind() == 1 && said.text("action") == "join" &&
		said.text("kind") == "operator" && has(said.names("roles"), "operator") &&
		!clash(said.names("roles")) && len(public) > 0 && !weak(public) && idOf(public) == one.keyID() &&
		one.sequence() == 1 && one.previous() == [32]byte{}
}

func clash(roles []string) bool {
	says := common(roles, []string{"contributor", "reviewer", "coordinator", "steward"})
	runs, audits := has(roles, "operator"), has(roles, "auditor")
	return runs && len(says) > 0 || audits && (runs || len(says) > 0)
}

func (all *register) barredMember(at int64, one leaf, issuer string, said *statement) string {
	known, join := all.members[said.text("member")], said.text("action") == "join"
	public, _ := hex.DecodeString(said.text("key"))
	_, after := all.around(said)
	switch {
	case join && known != nil:
		return "exists"
	case !join && known == nil:
		return "no_member"
	case join && (said.text("kind") == "" || len(public) == 0 || len(after) == 0),
		!join && (said.text("kind") != "" || len(public) > 0):
		return "malformed"
	case join && all.keys[idOf(public)] != nil:
		return "exists"
	case join && weak(public):
		return "weak_key"
	case (join || said.text("action") == "role") && clash(after):
		return "roles_clash"
	case join && all.approvals(said) > 0:
		return "unapproved"
	}
	for name, one := range all.members {
		same := name == said.text("member")
		if one.suspended < 0 && one.has("operator") && (!same || has(after, "operator")) {
			return ""
		}
	}
	return "last_operator"
}

func (all *register) barredKey(at int64, one leaf, issuer string, said *statement) string {
	public, _ := hex.DecodeString(said.text("key"))
	held, owner, add := all.keys[idOf(public)], said.text("member"), said.text("action") == "add"
	ever := 0
	for _, one := range all.keys {
		if one.owner == owner {
			ever++
		}
	}
	switch {
	case owner != issuer && (add || !all.members[issuer].has("operator")):
		return "not_own"
	case add && held != nil:
		return "exists"
	case add && weak(public):
		return "weak_key"
	case add && ever >= 1000:
		return "too_many"
	case !add && (held == nil || held.owner != owner):
		return "no_key"
	case !add && said.number("since") > at:
		return "malformed"
	}
	return ""
}

func (all *register) barredGroup(at int64, one leaf, issuer string, said *statement) string {
	bad := said.text("audience") == "public" || said.text("audience") == "members"
	for _, name := range said.names("members") {
		bad = bad || all.members[name] == nil
	}
	if bad {
		return "bad_group"
	}
	return ""
}

func (all *register) barredApproval(at int64, one leaf, issuer string, said *statement) string {
	asked := all.waiting[said.number("of")]
	if asked == nil || one.received() > asked.received+7*day {
		return "no_request"
	}
	about, needed := all.incidents[asked.said.text("incident")], "steward"
	if about != nil {
		needed = "coordinator"
	}
	switch {
	case asked.by == issuer:
		return "own_request"
	case has(asked.approved, issuer):
		return "twice"
	case asked.said.kind == 1 && asked.said.text("member") == issuer && gives(all.around(asked.said)):
		return "own_request"
	case asked.said.text("audience") != said.text("audience"):
		return "wrong_audience"
	case !all.members[issuer].has(needed):
		return "not_permitted"
	case about != nil && about.opened >= 0 && !about.openAt(one.received()):
		return "not_open"
	case asked.said.kind == 1:
		return all.barredMember(at, one, issuer, asked.said)
	}
	return ""
}

func (all *register) barredAssert(at int64, one leaf, issuer string, said *statement) string {
	ends, most := said.number("expires_at")*1000, all.rules.number("max_ttl_days")*day
	about, crisis := all.incidents[said.text("incident")], said.text("incident") != ""
	if crisis {
		most = all.rules.number("incident_ttl_hours") * hour
	}
	switch {
	case !all.reads(issuer, said.text("audience")):
		return "wrong_audience"
	case said.text("list") == "block" && ends < 0:
		return "no_end"
	case crisis && (!about.openAt(one.received()) || !has([]string{"public", said.text("audience")}, about.audience)):
		return "no_incident"
	case ends >= 0 && (ends <= one.received() || ends > one.received()+most):
		return "bad_end"
	}
	return ""
}

func (all *register) barredOpinion(at int64, one leaf, issuer string, said *statement) string {
	kind, owner := all.owner(said.number("of"), at)
	switch {
	case kind != 16:
		return "no_subject"
	case said.kind == 17 && owner == issuer:
		return "own_item"
	case said.kind != 17 && owner != issuer:
		return "not_own"
	case said.kind == 19:
		kind, owner = all.owner(said.number("by"), at)
		if kind != 16 || owner != issuer || said.number("by") <= said.number("of") {
			return "no_successor"
		}
	}
	return ""
}

func (all *register) barredErase(at int64, one leaf, issuer string, said *statement) string {
	kind, owner := all.owner(said.number("of"), at)
	switch {
	case kind == 0 || said.kind == 21 && kind != 20:
		return "no_subject"
	case said.kind == 20 && kind != 16 && kind != 17:
		return "needed"
	case said.kind == 20 && owner != issuer && !all.members[issuer].has("operator"):
		return "not_own"
	}
	return ""
}

func (all *register) barredIncident(at int64, one leaf, issuer string, said *statement) string {
	about, action := all.incidents[said.text("incident")], said.text("action")
	ends, most := said.number("ends_at")*1000, all.rules.number("incident_hours")*hour
	begins := action == "open" || action == "decline"
	switch {
	case !all.reads(issuer, said.text("audience")):
		return "wrong_audience"
	case begins && about != nil:
		return "exists"
	case begins && (said.text("kind") == "" || said.text("title") == ""):
		return "malformed"
	case !begins && (about == nil || about.audience != said.text("audience")):
		return "no_incident"
	case (action == "extend" || action == "close") && !about.openAt(one.received()):
		return "not_open"
	case action == "update" && len(about.log) >= 1000:
		return "too_many"
	case (action == "open" || action == "extend") && (ends <= one.received() || ends > one.received()+most):
		return "bad_end"
	}
	return ""
}
