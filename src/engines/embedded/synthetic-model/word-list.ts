/** Words that become single tokens of the synthetic model, most frequent first, by kind. */
const COMMON = `the of and to in a is that for it as was with be by on not he his but at are this have from or had an they which
one you were all her she there would their we him been has when who will no more if out so up said what its about than into them can only
other time new some could these two may first then do any like my now over such our man me even most made after also did many off before
must well back through years where much your way down should because each just those people how too little state good very make world still
see own work long here get both between life being under three never know same last another while us might great since against go come
right used take place made during without again few use however home small found part thought went say general once upon every does got
united left number course until always away something fact though less public almost take enough took yet better nothing set told why
called want end house look asked next later knew point night water room hand side best need given next present order different case
within possible across along often large several change second turn early keep close open high low near far full half true false real
sure whole free easy hard short clear simple common main single special certain important available similar similar current following
local original final total average maximum minimum empty valid invalid unknown correct wrong missing broken ready done safe unsafe`;

const VERBS = `add ask answer apply avoid begin believe break bring build buy call carry change check choose clean collect compare complete
compute consider contain continue control convert copy count cover create cut decide define delete deliver depend describe design destroy
develop discover discuss divide draw drop eat edit enable ensure enter examine execute exist expand expect explain export extend fail fall
feel fetch fill filter find finish fix follow format gather generate give grow handle happen hear help hold identify ignore implement import
improve include increase inspect install invoke join jump learn leave let limit link list listen live load log lose maintain manage mark
match mean measure meet merge modify move notice observe offer operate organize pass pay perform pick plan play point prefer prepare prevent
print process produce propose protect prove provide publish pull push put raise reach read receive recommend record reduce refer refine
reject release remain remember remove rename repeat replace reply report represent request require research resolve respond restore retry
return reveal review rewrite run save scan schedule search select send separate serve share show sign skip solve sort split stand start stay
stop store submit suggest summarize support switch talk teach tell test think throw track train transform translate try understand update
upload validate verify visit wait walk warn watch win wonder write written using making taking working running reading writing
looking going coming getting trying testing building checking following including based given shown known needed expected returned
created added removed changed updated called named defined contains returns takes makes means needs runs gives works uses`;

const NOUNS = `access account action activity address agent agenda amount analysis application approach area argument arguments array article
assistant attempt attribute author balance base batch behaviour block board body book bound branch budget buffer bug business byte bytes cache
calculator capacity category cause cell chain chapter character child choice city claim class client cloud code coder collection color column
command comment commit company component computer concept conclusion condition config configuration connection constant content context
contract copy core cost country criteria customer cycle data database date day deadline debate decision default definition demand dependency
detail details device difference direction directory discussion distance document documents domain draft edge effect effort element email
engine entry environment error errors event events evidence example examples exception exercise expert expression failure family feature
feedback field fields figure file files findings finding flag folder force form frame framework function functions future game goal government
graph group guide head header health heart help history hour idea identifier image impact index information input inputs instance
instruction instructions integer interest interface issue item items job key keys kind language latency law layer length letter level library
life light limit line lines link list literature location logic loop machine manager market material matter measure member memory message
messages metadata method methods metric mind minute minutes mode model models module moment money month morning movie music name names nation
network node note notes object objects office operation opinion option options output outputs owner package page paper parameter parameters
parent part parts path pattern performance period person phase picture piece plan planner player policy pool position power prefix price
principle problem procedure process product profile program project prompt proof property proposal protocol purpose quality query question
questions queue range rate reason record records reference references region registry relation release report reports repository request
requests requirement requirements research researcher resource resources response result results review reviewer risk role root route row
rule rules runtime sample scale scenario schema school science scope score script search section security sentence sequence series server
service services session sessions shape signal site situation size slot society solution source space speed stage standard statement states
statistics status step steps store story strategy stream string structure student study style subject success suffix suite sum summary
supervisor surface system systems table target task tasks team technology template term terms test tester tests text theory thing things
thread threshold throughput tier times title token tokens tool tools topic traffic transaction transition tree trial truth type types unit
units user users utility value values variable vector version view voice war warning week weight window word words worker workflow workload
writer year zone`;

const TECHNICAL = `gateway embedded engines policies agents calls priority partial concurrency hosted tenant beyond beside survival trace prefetch primitive
simulator replay docs architecture benchmark shared intent anchor median vendor plugin blocks identity global duplicate upstream decisions
bounded exactly published lineage replica deterministic inference snapshot readme combines touched isolation shows confidence guard exact retain
progress least learned budgets dispatch forecast dimension touch instead commands contracts seed learner equal cores others port four five six seven
eight nine ten hits worth provider gain everything predict binary alone interleaved silent comparison dashboard prompts noise ids pure slots cancel
alternating points above closed idle taken serving safety neighbour driven conversation stable fixed placement critical speculate routing harness
salt relay scheduler semantic internal extension chat metrics sage streams ratio tables outcome probabilities milliseconds gaps caches comments cold
overhead coordinator bare grows ends platform normal branded keeps answers ghost disk explicit weights checked streaming distinct slices frozen seeds
capacities zero baseline intervals lies below percentile flight production online writes reusable stores duration forecasts rejected cannot ranked
multiply combination previous expectation warm plus ingredient engineering incremental predicted freshness declared allow spill prediction hints deploy
cross integration golden chaos portable lifecycle guide diagram internals regression selection rows recently itself interrupted scaffolding lab hit src
cached chosen behind measured counts generated begin careful carefully concise clearly quick quickly relevant specific precise exactly verify carefully
reviewing searching calculating planning researching drafting editing summarise summarize finding cite citation quote paragraph bullet heading tone
audience reader draft polish grammar spelling style guideline policy never always must should would could cannot before after between within outside
inside around toward against among during since until while because therefore however although unless whether either neither both every another each
first second third fourth fifth last next previous early late soon later now today yesterday tomorrow week weeks month months year years day days hours
minutes seconds number numbers percent ratio dollars euros price prices revenue profit growth company companies people person team teams customer customers
country countries city cities world water energy climate weather temperature rain sun wind solar power electric battery car cars train trains plane
planes road roads bridge house houses school schools student students teacher teachers hospital doctor doctors patient patients medicine disease health
food bread milk fruit coffee tea wine beer fish meat animal animals dog dogs cat cats bird birds tree trees plant plants flower flowers garden sea ocean
river mountain island forest desert earth moon star stars planet space rocket light dark red green blue yellow black white color music song movie film
book books page pages chapter writer author poem story news paper letter mail phone camera photo picture video game games sport team football player
king queen president minister government parliament law laws court judge police army war peace history ancient modern century culture art museum church
religion god faith love friend friends family mother father sister brother son daughter wife husband child children baby man men woman women boy girl
name names life death birth age old young new heart head hand hands eye eyes face body foot feet arm leg voice mind soul dream sleep walk run jump`;

const PROGRAMMING = `async await const let var function return class interface export import default extends implements static public private readonly
string number boolean object array undefined null void never unknown any promise map filter reduce push pop shift slice splice join split
length index value key keys entries error throw catch finally typeof instanceof switch case break continue while else elif def self none true
false lambda yield print int float double char long struct enum union typedef include namespace template virtual override final abstract
package http https www com org json yaml xml html css url uri api sdk cli gui sql select insert update delete where group order limit
offset table column primary foreign index create drop alter grep sed awk bash curl node npm python java rust golang kernel docker
kubernetes linux windows git github commit branch merge rebase pull clone checkout stdout stderr stdin argv env utf ascii regex
timestamp uuid hash sha md5 base64 encode decode parse stringify serialize request response status headers body content application
authorization bearer token session cookie timeout retry retries callback listener emitter handler middleware router controller service
repository factory builder adapter wrapper iterator generator tuple dict list set queue stack heap tree graph node edge
arguments parameters properties description required additional items type name role user assistant system tool tools
function_call tool_calls tool_call tool_call_id finish_reason max_tokens temperature messages model stream usage prompt completion
prompt_tokens completion_tokens total_tokens search_documents read_document list_documents run_tests write_file read_file calculate
expression path query pattern line_number start_line end_line max_results`;

const PUNCTUATION = String.raw`": ", "," ":" {" "} "}} "}, {"name":" ","arguments":{" "arguments": "type": "type":" "object" "string" "properties": "description": "required": [" "] []
{} () (); (); => == != === !== >= <= && || ++ -- += -= -> :: // /* */ /** <!-- --> </ /> ... .. -- --- ---- ======== \n \" \\ ** ## ### #### `;

function split(block: string): string[] {
  return block.split(/\s+/u).filter((word) => word !== '');
}
function capitalised(word: string): string {
  return word[0].toUpperCase() + word.slice(1);
}

/** Words in order of frequency, each once. */
export const WORDS: readonly string[] = [...new Set([...split(COMMON), ...split(NOUNS), ...split(VERBS), ...split(TECHNICAL), ...split(PROGRAMMING)])];
/** The words that often begin a sentence or a name. */
export const CAPITALISED_WORDS: readonly string[] = [...new Set([...split(COMMON).slice(0, 160), ...split(VERBS).slice(0, 120), ...split(NOUNS).slice(0, 120)])].map(capitalised);
/** Runs of punctuation of JSON, code and Markdown. */
export const PUNCTUATION_RUNS: readonly string[] = [...new Set(split(PUNCTUATION))];
