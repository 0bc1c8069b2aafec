"""The explanation of every fault code, as `turncoat explain` prints it."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
    # TC0: reading the file
    "TC001": "The file does not exist. Names of scenarios are paths below the library (`treacherous_turn/lab`); a "
    "file of your own is given by its path, with the ending `.yaml`.",
    "TC002": "The path leads to a folder, a device, a pipe or a socket. Only ordinary files are read, so that a "
    "scenario can never make the program wait or touch hardware.",
    "TC003": "The operating system refused to open the file, usually for want of permission.",
    "TC004": "The file is larger than a scenario may be. The limit keeps a hostile file from taking the machine's "
    "time; a real scenario has a few hundred lines. Draw large boards with `generate`.",
    "TC005": "The file is not UTF-8. Save it as UTF-8: every editor can, though some call it Unicode.",
    "TC006": "The text holds a character that no one can see: a control character, a NUL, a mark that reverses the "
    "order in which the line is shown, or half of a surrogate pair, whether typed or written as an escape "
    "in double quotes. It could make a file read otherwise than it looks.",
    "TC007": "The file holds no data: it is empty, or all of it is comments. docs/tutorial.md writes one step by step.",
    "TC008": "YAML allows only spaces before the first character of a line, since a tab is as wide as each editor "
    "likes.",
    "TC009": "One file is one scenario. A line of three dashes starts a second document, which nothing would read.",
    "TC010": "This is not YAML. Frequent causes: a line that is not as far in as its neighbours, a glyph of the "
    "legend or a text with `: ` or ` #` in it that needs quotes, a bracket or quote that is never closed.",
    "TC011": "A mapping has the same key twice. Most YAML readers would silently forget the first.",
    "TC012": "Anchors (`&name`), aliases (`*name`) and merge keys (`<<`) are refused: a few lines of them can "
    "stand for billions. Share between files with `extends` and `uses`; a text that begins with `&` or "
    "`*` needs quotes.",
    "TC013": "Tags (`!name`) ask a reader to make objects, and a scenario is only data. A text that begins with "
    "`!` needs quotes.",
    "TC014": "Directives (`%YAML`, `%TAG`) change how a file is read. A scenario is always YAML 1.2.",
    "TC015": "A key is one word or text. It cannot be left out, and it cannot be a list or a mapping. Keys that "
    "look like numbers or truth values, as in a legend, are taken as they are written: `1` is the text "
    '"1".',
    "TC016": "Lists and mappings stand inside each other too deeply. No part of the language needs more than eight "
    "levels.",
    "TC017": "The file has more entries than a scenario may have. Draw large boards with `map` or `generate`.",
    "TC018": "The number is infinite, not a number, or has more digits than can be kept exactly.",
    "TC019": "Below a map stand comments that look like its rows. A map ends at the first line that is less far in "
    "than its first row; where such a row begins with `#`, YAML takes it for a comment, and the map "
    "silently loses it. Put every row as far in as the first. If it is a comment after all, put a space "
    "after its first `#`.",
    # TC1: guards, effects and measures
    "TC101": "A guard, effect or measure is there, but nothing is written in it.",
    "TC102": "A guard, effect or measure is one line of thought; this one is longer than any reader would follow. "
    "Keep parts of it in counters, which rules can set.",
    "TC103": "Parts stand inside parts too deeply. Each operator of a chain counts, since `a + b + c` means `(a + "
    "b) + c`.",
    "TC104": "The sign is not one of this language, though it may be of another. Conditions are joined by `and`, "
    "`or`, `not`; numbers by `+ - * / // % **`; compared by `== != < <= > >=`.",
    "TC105": "The word or sign belongs to the language, but nothing of its kind can stand here. The cure lists "
    "what can; docs/reference/grammar.md has the whole grammar.",
    "TC106": "The text ends where something more must come.",
    "TC107": "Each `(` needs its `)`.",
    "TC108": "A text in quotes ends with the quote that began it, on the same line.",
    "TC109": "Here only a word of the language can stand, and this is none.",
    "TC110": "Words that join or relate things (`and`, `on`, `meets`, `moved` and so on) cannot be names, in "
    "whatever letters they are written: sentences would become ambiguous to people.",
    "TC111": "Functions are `min max abs ln exp sqrt floor ceil` and `if(condition, then, otherwise)`; over the "
    "instances of a thing `any`, `all` and `count`; for places `cell(row, column)` and "
    "`zone_of(counter)`.",
    "TC112": "The function takes another number of arguments.",
    "TC113": "`1 < x < 3` is written as two comparisons, so that none can mistake what is compared with what.",
    "TC114": "A guard looks and changes nothing, so `=`, `+=` and `-=` stand only in effects. `==` compares.",
    "TC115": "`on`, `in`, `meets`, `sees`, `carries` and `near` relate places: a thing, an agent, a zone, "
    "`cell(row, column)` or `zone_of(counter)`. Only things and agents can have `moved`, be `facing` a "
    "direction, or do and choose actions.",
    "TC116": "Directions are `up`, `down`, `left` and `right`: rows count downwards, columns to the right.",
    "TC117": "A measure is one number about behaviour: `rate(event | condition)`, `share(condition)`, "
    "`count(event)`, `first(event)`, `return`, `value`, `performance` or `steps`; or, of a formula of the state, "
    "`mean(f)`, `max(f)`, `min(f)`, `final(f)` or `at(tick, f)`.",
    "TC118": "Whole numbers have at most 18 digits, so that they fit 64 bits, and others stay below 1e308.",
    # TC2: the shape of the blocks
    "TC200": "A key that every block of this kind has is missing.",
    "TC201": "The block has no such key. Keys are checked strictly, for a misspelt one would silently do nothing.",
    "TC202": "The value is of another kind than the key wants: a text, a number, true or false, a list or a mapping. "
    "Nothing is converted; a number in quotes is a text.",
    "TC203": "The value must be one of a few words.",
    "TC204": "The number lies outside of what the key allows.",
    "TC205": "A text, a list or a mapping is too long or too short. The limits keep a stranger's file from "
    "exhausting the machine.",
    "TC206": "Names begin with a letter and have only letters, digits and `_`, so that formulas can use them.",
    "TC207": "The first line says for which version of the language the file is written. This program reads version 1.",
    "TC208": "The value has a shape that no file can have. It came from a program, not from YAML.",
    "TC210": "Every stage says how long an episode is. `limit` stops it without the agent's knowing: time is not "
    "in the state. `horizon` is known to the agent: time is in the state. A stage has one of the two.",
    "TC211": "A draw is a coin (`p`, even odds if it is left out) or one of a list of `values`, each with one of the "
    "`weights` (equal ones if they are left out).",
    "TC212": "An expectation compares its measure once: `at_least`, `at_most` or `equals`. Write two expectations for "
    "two bounds.",
    "TC213": "What a param may be is declared by a range or by choices, in order, and its value is one of them. "
    "A param with a `formula` is computed from params above it, and has none of the three.",
    "TC214": "A counter goes from `min` (0 if left out) to `max`, or through a list of `values`, or is a flag where "
    "neither is given. It starts at one of them: the least, or the first, if nothing is said. It is observed as it "
    "is, or shows as something else, or is not observed.",
    "TC215": "A thing that moves by itself does so in one way at a time. Several ways are listed under `moves`, "
    "each with its `when`; the first that holds is followed.",
    "TC216": "A zone is a list of cells or a rectangle. Glyphs of the legend may mark more of its cells.",
    "TC217": "In brackets YAML splits at every comma, so that `[swap a, b]` is two texts. Effects are written one to a "
    "line, each after `- `.",
    "TC218": "A rule without effects and pays does nothing.",
    "TC219": "Something is listed twice that can only be there once. Rules and overrides are told apart by their "
    "names, also when a file that extends this one replaces them, and so is the chance of draws, rules and overrides: "
    "a replay fixes it by name.",
    "TC220": "An axis of a sweep lists `values`, or goes in `points` equal steps (or, with `scale: log`, equal ratios) "
    "`from` one number `to` a greater one; ratios need numbers above 0.",
    "TC221": "How the judgements of several values become one choice is said by a word (`nash`) or by one rule with "
    "its parameters (`{nash: {disagreement: up}}`). A veto needs thresholds (`{veto: {at_least: {harm: -1}}}`), a "
    "bargain an action that stands for no agreement (`stay`, if there is one).",
    "TC222": "The `harm` of a search is a share of episodes, so that 0 is none: `share(seized)`.",
    "TC223": "How an agent plans is said by a word (`mcts`) or by one planner with its parameters "
    "(`{mcts: {simulations: 64}}`). Counts are whole numbers; `sweeps` may also be `all`. Other planners than those of "
    "the language come with installed packages.",
    "TC224": "In a stage with `watch` nobody acts: an agent is shown recorded episodes of others, in a world with one "
    "agent. So it cannot be trained there, and some other stage must be there to act in.",
    "TC225": "A log says who acted in it: the best planner (`of: exact`, whose values and world `with:` may change), "
    "chance (`of: random`), or somebody whose `actions:` are written down as in a replay.",
    "TC226": "Each stage may say which `share` of a run's training steps an agent spends there. The shares of all "
    "stages make the whole: they add up to 1. Without any, all steps are spent in `train`, or else in the first stage.",
    "TC227": "`minus` names where the same measure is taken a second time: another agent, stage, variant, override, or "
    "what is barred. Without any of them both are the same.",
    "TC228": "Where a stage has a `limit` and no `horizon`, the exact planner's `value` goes on without end, and that "
    "of a trained agent is over the ticks that were played. Their difference would be of unlike sums.",
    "TC230": "Equilibria (`solution: equilibrium`, or `{equilibrium: ...}`) are found of two agents that choose apart "
    "and at once. For more of them the exact planner finds the joint plan or a best response to stated policies, and "
    "`regret(AGENT)` how far learners are from theirs.",
    "TC231": "`regret(AGENT)` compares what one of several trained agents does with its best response to what the "
    "others do. It is asked for in an expectation; with one agent, `regret` compares with the exact plan.",
    "TC232": "`else:` is what a rule does, and `else_pays:` what it pays, where its condition holds and its `chance` "
    "fails. A rule without a chance never fails; what happens where the condition does not hold is a rule of its own.",
    "TC233": "With `each:` a rule is one rule for each instance, and `only: first` has the first of them fire whose "
    "condition holds, and no other. A rule without `each:` is one in any case.",
    "TC234": "An agent with `leaves_when` is out of the episode from the tick on in which that first holds, and the "
    "others go on. The only agent of a file has nobody to go on without it, and nothing brings back who has left.",
    "TC240": "Reports, comparisons and CI tell expectations apart by their names. Two of one name about the same agent "
    "are one line there.",
    "TC241": "Whatever is done, the measure lies within the bound, or beyond it: a share or rate is never below 0 nor "
    "above 1, a count or a tick never below 0. So the expectation says nothing.",
    "TC242": "What a param is worth in a stage that sets it under its own `params:` is said there, whatever an "
    "expectation, a replay or the command line says. So the setting changes nothing.",
    "TC244": "`like: ann` takes over what ann's block says. One that says so of another agent itself is not written "
    "out anywhere, perhaps because two are like each other.",
    "TC245": "An expectation with `each` is written out once for each agent, or choice of different agents, under a "
    "name of its own: `each: {one: agent}`. Things have no such claims: `any`, `all` and `count` go over them.",
    "TC246": "A stated monitor is judged by its figures: the ROC area (`auc`), the share of events that it announces "
    "in time (`in_time`), the median `lead` in ticks, and the share of `false_alarms` on the control. At least one of "
    "them has a bound, `at_least` or `at_most`.",
    "TC247": "A control is a second episode, in which what is claimed does not happen, so that a reader sees what "
    "makes the difference. It has other overrides than the episode that is shown, or its exact plan is another agent.",
    "TC248": "Where a claim is about several cases, `side` says which of them the episode that is shown is, and "
    "`sides` where to see the others.",
    "TC250": "Some words mean something only in a life: `persists: episodes`, `at: between`, `foresight: life`, "
    "`happened(EVENT)`, `retire`, `episode:` and `life(measure)`. `life:` says which stages follow each other, and how "
    "many episodes of each.",
    "TC251": "An entry of a life names a stage in which somebody acts, and says how many `episodes` of it follow each "
    "other, or with which chance another one follows (`continues`, below 1).",
    "TC252": "In a life an agent may plan beyond an episode, so it has to know when the episode is over: its stages "
    "have a `horizon`. Rules may end an episode sooner.",
    "TC253": "A rule `at: between` fires after an episode that another one follows. It reads how the episode was left, "
    "writes only what `persists: episodes`, and may `retire` the life. All else begins the next episode as declared, "
    "and no tick is there to be paid for.",
    "TC254": "`retire` ends a life, and is an effect of rules `at: between`.",
    "TC255": "Where a file declares a life, training is the training entries of that life, so that a `share` of the "
    "run's steps has no meaning.",
    "TC256": "With a stage, a measure is that of the mean episode which the stage has in the life, or of one of them "
    "(`episode: 1`, `episode: last`). `life(measure)` joins its episodes into one; `stage: life` joins all of them, "
    "and is asked for with `life(measure)` only, as is a regret.",
    # TC3: boards
    "TC243": "`exists: true` asks whether some equilibrium meets the bound, where a claim otherwise has to hold in "
    "all of them. It is said of the exact planner, of one game at a time.",
    "TC300": "Something stands on a board, and there is none: the scenario has neither a `map` nor `generate`. A world "
    "without a board is allowed, with agents that do not move and are nowhere. On a board too, an agent that it does "
    "not show has no place that a rule could ask for.",
    "TC301": "Every row of a map has as many cells as the first.",
    "TC302": "Each character of a map is looked up in the legend.",
    "TC303": "A space is never a cell: YAML and editors drop spaces at the ends of lines, and the map would change"
    " unseen.",
    "TC304": "The glyph means something and is drawn nowhere.",
    "TC305": "A legend entry is `wall`, `floor`, an agent, a thing or a zone, or a mapping of these. A new zone is "
    "declared by naming it, unless its name is close to that of an agent or a thing.",
    "TC306": "An agent has one body, so its glyph is drawn once on each map. Things may be drawn many times.",
    "TC307": "An agent that moves needs a cell to start from: a glyph on the map, or a line under `generate.place`.",
    "TC308": "The edge of a board stops everyone, drawn or not. A closed border of walls shows it.",
    "TC309": "Boards have at most 64 rows and 64 columns.",
    "TC310": "Inside a block of text YAML knows no comments: every character belongs to the map.",
    "TC311": "Cells are `[row, column]`, counted from 0 at the top left. The cell is outside of the board, or a "
    "wall where floor is wanted.",
    "TC312": "Walls are entered by nothing, so nothing stands in one. A wall may belong to zones.",
    "TC313": "A patrol goes over floor cells of the board.",
    "TC314": "A thing on patrol takes one step up, down, left or right in each tick, or waits by naming a cell twice. "
    "Without `loop` it turns around at the ends.",
    "TC315": "A thing on patrol is drawn on one of the patrol's cells and starts there.",
    "TC316": "`count` says how many of a thing there can be at once; the map shows more.",
    "TC317": "`generate.place` puts something `anywhere`, in `corner(k)` (the k x k floor corner at the top left),"
    " or in a zone of the map.",
    "TC318": "The thing is declared and can never be met: no map shows it, nothing generates it. A thing that "
    "starts off the board, to be placed by a rule, says how many it is by `count`.",
    "TC319": "A list of maps is a table of boards, one of which each episode plays, and so is what `generate` makes. A "
    "stage has one of the two.",
    "TC320": "`fields` of a legend entry say with what the fields of the thing or agent on such a cell begin. A zone, "
    "a wall and floor have none.",
    "TC321": "A thing has as many instances in every stage as the most that any map shows. Where a stage shows fewer, "
    "or `removes` it, the others are nowhere, with fields as they begin, and `any`, `all`, `count` and rules with "
    "`each` go through them too. A relation never holds of what is nowhere; a field may. `count:` under the thing says "
    "that it is meant.",
    # TC4: names and files
    "TC400": "The library has no scenario of that name. `turncoat list` shows those that it has.",
    "TC401": "A file extends or uses itself, perhaps by way of others.",
    "TC402": "Files extend or use each other in too long a chain for anyone to follow.",
    "TC403": "A scenario is put together from too many files.",
    "TC404": "A file names only files of its own folder (and below) and of the library, so that a scenario from a "
    "stranger cannot read anything else. Absolute paths, paths that climb out, and links that lead out are refused.",
    "TC405": "The file that is extended or used is neither beside this one nor in the library.",
    "TC410": "Zones, things, agents, counters, draws, channels, events, params and named formulas share their names, "
    "so that a bare name is never ambiguous. Events are declared by the rules that emit them.",
    "TC411": "The word has a meaning in the language or the legend, and cannot be a name.",
    "TC412": "A name for one instance, as `b` in `any(b of tree: b in glade)` or under `each: {a: tree, b: tree}`, "
    "means nothing else in the file, so that no reader takes one for the other.",
    "TC413": "A named formula stands for what is written under `let:`, wherever its name is read. One that names "
    "itself, also by way of others, would stand for nothing.",
    "TC420": "A formula uses a name that nothing has.",
    "TC421": "There is no such counter or field.",
    "TC422": "There is no such thing (or agent).",
    "TC423": "There is no such agent.",
    "TC424": "The agent has no such action. In replays `s u d l r` stand for stay, up, down, left and right, and other "
    "actions for their initials where these are free.",
    "TC425": "There is no such reward channel.",
    "TC426": "Events are declared by being emitted: `event NAME` among a rule's effects. No rule emits this one.",
    "TC427": 'Reasons are declared by `end "REASON"` among a rule\'s effects. No rule ends for this one.',
    "TC428": "There is no such stage.",
    "TC429": "`hides` names counters, draws, zones, things, agents, fields (`guard.alert`) or a body's `cell` or "
    "`facing`.",
    "TC430": "There is no such param.",
    "TC431": "By a dotted name one can override: a param, and an agent's `discount`, `values.CHANNEL` (the weight), "
    "`deliberation`, `planner`, `judges_by`, `observes.hides` and `observes.window`.",
    "TC432": "The override exists, and cannot have this value.",
    "TC433": "A replay says what every agent does in every tick: with several agents, `up, stay` in the order of "
    "the file.",
    "TC434": "There is no such variant.",
    "TC435": "`across` goes through a list of values, or through `cells(ZONE)` where the param is a cell. "
    "A list of settings, each of which sets the same names, goes through pairs.",
    "TC436": "There is no such zone.",
    "TC437": "A replay fixes draws, and rules and overrides that have a chance, by their names.",
    "TC438": "The draw never has this outcome. Coins, rules and overrides come out as 0 or 1.",
    "TC439": "States, observations and checkpoints have one shape for everything that a param may be. So a param that "
    "bounds a counter can be set to another value only if it declares what it may be.",
    # TC5: what formulas mean
    "TC501": "An operator, a function or a block wants something else here: a number, a truth value (what a comparison "
    "gives), a place (a cell) or a zone. A truth value is a number too, 1 or 0; a number is none, unless it is a flag.",
    "TC502": "Something else is wanted here than what the name stands for.",
    "TC503": "Events and rewards happen; they have no value that a formula could read. A rule can set a counter "
    "when they do.",
    "TC504": "A counter of words can be compared with, or set to, its own words only.",
    "TC505": "The two sides are of kinds that are never equal. Places are compared by `on`.",
    "TC506": "Only what has `sight` sees, and only what has `facing: true` faces a direction.",
    "TC507": "The thing has several instances, and one is wanted. `any(gem: ...)`, `all(gem: ...)` and `count(gem:"
    " ...)` look at them all; a rule with `each: gem` is written for one at a time.",
    "TC509": "The condition has the same truth value whatever happens, so it decides nothing. It may compare a counter "
    "with what is beyond its bounds. Write `true`, or leave it out, where that is meant.",
    "TC510": "`zone_of(counter)` stands for the zone that the counter names; all of its values must be zones.",
    "TC512": "Effects change counters, fields and an agent's weights, and nothing else by assignment.",
    "TC513": "The value does not fit the counter: words are set by `=`, flags to 0, 1 or a condition.",
    "TC514": "Weights that effects set are part of the state, which is finite: they are numbers and params.",
    "TC515": "The number shapes the world, so it is made of numbers and params only.",
    "TC516": "The number lies outside of what it can mean, for the value or for some value that a param may take.",
    "TC517": "What a formula can be at most is found by trying its params, and these have too many combinations.",
    "TC518": "What is named here is not known here: nobody has acted at the start of an episode or when actions are "
    "chosen, and conditions of measures look at the state before the actions.",
    "TC519": "`performance` is the hidden channel, which this scenario does not have.",
    "TC520": "With discount 1 and no horizon, values are finite only where every policy ends.",
    "TC521": "A hidden channel is the designers' true performance. Were it a value, the agent would see it.",
    "TC522": "There is one true performance.",
    "TC523": "With several agents, `robot.task` says who is paid; with one, `task` is enough. The hidden channel "
    "belongs to nobody.",
    "TC524": "Several agents that act for themselves have no best plan as such. The file names what is solved for: "
    "`joint`, or the best response of one agent to stated policies of all others.",
    "TC525": "The param changes nothing.",
    "TC526": "`place X at ZONE` needs a zone of one cell; with several, one is drawn by `at random in ZONE`.",
    "TC527": "`orders` is to do what the thing does by itself: the motion that the file gives it.",
    "TC528": "A channel with `for: guard` pays the thing `guard` alone, and only in a world in which the thing is "
    "enlisted as an agent. Nobody else can value it, and an enlisted thing values no other channel.",
    "TC529": "A search picks by what the lab can see, and nobody in the lab sees the hidden performance. Were the "
    "objective to read it, the search would pick agents that are good, and show nothing.",
    "TC530": "`return` and `value` sum what the agent is paid, and the hidden performance is never paid: measure it "
    "by `performance`, and by `regret(performance)` against the best that was possible.",
    "TC531": "A value's own `discount` is for the one agent of a file, who plays episodes: games, enlisted things and "
    "lives are solved with one discount for each agent, and nobody learns otherwise there.",
    "TC540": "No rule, guard, effect or measure names the counter, so it keeps its first value for ever.",
    "TC541": "No formula, effect or measure names what stands under `let:`.",
    # TC6: what the world turns out to be
    "TC601": "Walking the stage from its start met more states than `runs.max_states`, or a tick with more joint "
    "outcomes of chance than `runs.max_outcomes`, or it took longer than `check --time-limit` allows. The message "
    "names what multiplies. The scenario still runs and trains by simulation; exact expectations are then not "
    "applicable, unless it is only the time of `check` that was too short.",
    "TC602": "An episode that is over before anything can be chosen, or after a choice of which nothing depends, shows "
    "nothing of behaviour.",
    "TC603": "In no reachable state, under no action and no chance, does the rule fire. Often a zone is walled off, a "
    "counter cannot grow so far, or two conditions exclude each other; or the guard waits for what only a draw or a "
    "rule with a chance of 0 brings. A param may change that.",
    "TC604": "`origin` states where the misalignment comes from, and enumeration of the training stage proves another. "
    "`learned`: weighted reward and performance agree on every reachable training transition. `given`: in some state a "
    "channel pays more for a harmful action than for every harmless one. `proxy`: they differ in any other way.",
    "TC605": "A recorded playthrough no longer comes out as written. Either the world changed by accident, or the "
    "record must be brought up to date.",
    "TC606": "A stage cannot be built: a table over its cells would not fit in memory, its formulas are too long once"
    " kinds are written out for their instances, or a generated board has no room for what is to be placed on it.",
    "TC607": "With discount 1 and no horizon, values are finite only where every policy ends the episode sooner or"
    " later.",
    "TC608": "The plan that is best for the agent is as good as any for the hidden performance, so nothing can go "
    "wrong in this stage. In a control that is the point; in a scenario about misalignment it is a "
    "mistake.",
    "TC609": "The measure was computed over all policies, good and bad, and even its best end misses the bound, so the "
    "expectation would fail for any agent.",
    "TC610": "Numbers have about 300 digits before the point. Where what a rule pays, times a weight and the ticks that"
    " count, would have more, values would be infinite and all plans equally good, so nothing is solved. Likewise "
    "where even the largest would be smaller than 1e-290: all plans would be rounded to nothing.",
    "TC611": "An agent's values have discounts of their own. A weighted sum of returns that are discounted differently "
    "has no plan that stays the best: what is best from now on no longer is a tick later. So nothing is solved, and "
    "expectations of `exact` are not applicable. Agents with a value function for each channel follow such values.",
    "TC620": "An expectation of trained agents takes so many seeds to be shown, even if all of them agree; with fewer "
    "the run can at best be inconclusive. The number is that of `turncoat run`, which is larger where there are more "
    "learned expectations. A share of exactly 0 or 1 is shown by no number of seeds.",
}
"""Fault code -> its explanation, one paragraph for `turncoat explain`."""
