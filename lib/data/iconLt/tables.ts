/**
 * The hand-kept tables of Icon-LT. Everything here enters the cache key, so a change redraws nothing wrongly.
 */

/** Sets left out whatever their category: flags, brands, coins, care labels, spinners, names that say nothing. */
export const DROPPED_SETS = new Set(
  `academicons circle-flags flag flagpack cif geo svg-spinners fa-brands fa6-brands fa7-brands fontelico brandico
  ginetex token token-branded vs ps topcoat entypo-social bxl file-icons nonicons bpmn devicon-line devicon-original
  bitcoin-icons emblemicons`.split(/\s+/),
);

/** Categories left out: brands and file-type or tool logos. */
export const DROPPED_CATEGORIES = new Set(['Logos', 'Programming']);

/** Filed under a dropped category, yet an interface set. */
export const KEPT_SETS = new Set(['codicon']);

/** Icons left out by name: brands, flags, letters and digits, skin tones, code points. */
export const DROPPED_ICONS =
  /^(brands?|logos?|social|flags?|file-?type|folder-type|cc|crypto|cryptocurrency|letters?|numbers?|numeric|alpha|alphabet)-|-(logo|logo-.*|brand|flag|skin-tone.*|medium-light|medium-dark)$|skin-tone|^flag-for|^regional-indicator|^[^a-z]*$|^u[0-9a-f]{4}/;

/**
 * Design teams that `info.author` does not show. Each line: sets that hand on one another's drawings
 * (found by counting pictures that are equal pixel by pixel between authors), so they, and all sets of
 * their authors, stay on one side.
 */
export const RELATED_SETS: readonly (readonly [team: string, prefixes: string, why: string])[] = [
  [
    'material',
    'ic material-symbols material-symbols-light mdi mdi-light zmdi memory',
    'drawn after one guideline, 580 equal',
  ],
  ['ionicons', 'ion famicons', 'a fork, 1,186 equal'],
  ['feather', 'feather lucide lucide-lab meteor-icons', 'forks of feather, 173 equal'],
  [
    'font-awesome',
    'fa fa-regular fa-solid fa6-regular fa6-solid fa7-regular fa7-solid la',
    'Line Awesome redraws Font Awesome',
  ],
  ['maps', 'maki temaki pinhead osmic roentgen map', 'pinhead collects the others, 338 equal'],
  ['solar', 'solar reicon', 'a fork, 229 equal'],
  ['streamline', 'streamline-guidance guidance covid', 'one team'],
  [
    'microsoft',
    'codicon fluent fluent-color fluent-mdl2 fluent-emoji fluent-emoji-flat fluent-emoji-high-contrast',
    'one team',
  ],
];

/** The largest teams feed the teacher's half: they hold most pairs and would leave few teams to test on. */
export const WEB_TEAMS = new Set(['material', 'microsoft', 'streamline', 'IconMind']);

/** Style words that end an icon's name in any set. */
export const STYLE_WORDS = new Set(
  `outline outlined fill filled duotone duo linear sharp rounded twotone tone alt colored coloured colour remix
  freehand glyph xs sm md lg xl px icon icons fat minimalistic classic 2x o`.split(/\s+/),
);

/** Style words that also mean something: they count as style only where a set uses them as one (see names.ts). */
export const WEAK_STYLE_WORDS = new Set(
  `line bold thin light regular solid round two broken color flat dark black white mono block simple small large
  big mini micro ring stroke medium baseline b s f ios android material pixel`.split(/\s+/),
);

/** Words that never say what a picture shows; icons with them are left out. */
export const DROPPED_WORDS = new Set(['skin']);

/** Second names of a picture another class has, or names several pictures share: never a class. */
export const AMBIGUOUS = new Set(
  `import|export|desktop|device|package|column|object|direction|scale|attachment|print|store|school|library|church|
  rectangle|frame|font|male|female|album|browser|sort|move|command|speaker|launch|expand|collapse|compress|minimize|cup|notebook|
  dot|enter|flash|on|off|all|other|default|empty|none|base|misc|set|action|general|data|ui|element|app|tool|system|item|
  shape|part|point|symbol|sign|mark|brand|status|state|mode|type|option|custom|test|demo|basic|feature|process|service|
  business|company|zero|one|two|three|four|five|six|seven|eight|nine|ten|up|down|left|right|top|bottom|center|start|end|middle|
  front|source|model|version|show|select|selection|content|text|title|translate|control|function|operation|management|report|
  hamburger|diamond|block|window|radio|like|color|button|cell|edge|pad|pie|face|exclude|include|currency|path|body|leg|chart|analytics|analytic|stats|stat|delete|create|clear|error|complete|ok|approve|accept|confirm|success|
  place|paper|cross|subtract|accessibility|disabled|disable|checked|record|plan|project|product|page|template|style|theme|design|layout|list|overview|detail|history|note|task|activity|event|
  program|training|development|platform|resource|support|open|square|circle|line|long|short|new|free|real|safe|smart|
  power|reply|swap|switch|transfer|direct|turn|return|insert|remove|apply|change|read|write|run|go|stop sign|group object|
  dashboard|exclamation|language|timer|football|glass|computer|paint|exchange|loop|snow|fork|mouse|table|handbag|storage|
  subway|boat|cloudy|city|mask|water|thread|adjust|memory|weight|beaker|badge|pointer|apple|opera|stop|circle notch|
  document word|document excel|flag|ring|round|medium|light|dark|image square|number|letter|word|sound wave|wave|arrow`
    .split('|')
    .map((name) => name.trim()),
);

/** Brands that slip through the filters. */
export const BRAND_WORDS = new Set(
  `twitter facebook github instagram linkedin google youtube figma gitlab dribbble behance paypal android bitcoin
  airplay podcast spotify slack discord reddit whatsapp pinterest twitch tiktok dropbox amazon windows microsoft skype
  telegram wordpress medium codepen chrome firefox snapchat vimeo visa python docker mastercard ethereum adobe tumblr
  flickr soundcloud yahoo wechat weibo steam xbox playstation linux ubuntu html css javascript react vue angular sass npm
  bootstrap java php stackoverflow stack messenger bluetooth usb foursquare blogger
  stumbleupon trello digg chromecast yelp wikipedia nintendo safari hunt threads`.split(/\s+/),
);
