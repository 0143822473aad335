//! Makes operations from the schema: fields that were asked for least come first, ids and cursors are those of answers.

use std::{collections::HashMap, sync::Arc};

use super::{
    coverage::Coverage,
    dice::Dice,
    document::{Argument, Field, Fragment, Input, Operation, Selection},
    pages::Page,
    pools::Pools,
    schema::{self, Kind, Schema, named},
};

pub struct Generator {
    pub schema: Arc<Schema>,
    pub dice: Dice,
    pub pools: Pools,
    pub coverage: Coverage,
    pub pages: Vec<Page>,
    /// The viewer's own address.
    pub email: Option<String>,
    /// Ways that are still to be gone, the next one last.
    ways: Vec<Vec<(String, String)>>,
    pub walked: usize,
    pub all_ways: usize,
    /// How often a field of the root was tried, and how often it answered data. What is never allowed counts for more.
    pub tried: HashMap<String, (usize, usize)>,
    names: usize,
    /// Whether a mutation is being made.
    pub changes: bool,
}

/// Steps of a way through the schema. What a page is made of is none.
const STEPS: usize = 5;
/// Never under another name: what is masked in answers is found by these.
const OWN_NAME: [&str; 3] = ["accessToken", "refreshToken", "key"];
/// They end the viewer's session, or what it lives in: now and then.
const ENDS: [&str; 10] = [
    "logout",
    "changePassword",
    "completePasswordReset",
    "switchOrganization",
    "suspendOrganization",
    "archiveOrganization",
    "suspendUser",
    "deactivateUser",
    "removeMember",
    "moveUser",
];

impl Generator {
    pub fn new(schema: Arc<Schema>, seed: u64, pools: Pools) -> Self {
        let mut dice = Dice::new(seed);
        let mut ways = schema.ways("Query", STEPS);
        dice.shuffle(&mut ways);
        let all_ways = ways.len();
        let (coverage, pages, tried) = (Coverage::default(), Vec::new(), HashMap::new());
        let (email, walked, names, changes) = (None, 0, 0, false);
        Self { schema, dice, pools, coverage, pages, email, ways, walked, all_ways, tried, names, changes }
    }

    /// The worlds are new: what was seen in them is gone.
    pub fn forget(&mut self) {
        self.pages.clear();
        self.pools.forget();
    }

    pub fn operation(&mut self) -> Operation {
        self.names = 0;
        match self.dice.below(100) {
            0..14 if !self.pages.is_empty() => self.follow(),
            14..34 => self.rooted("mutation", "Mutation"),
            34..64 => self.way(),
            64..65 => self.about(),
            _ => self.rooted("query", "Query"),
        }
    }

    /// A field of the root: now one that was tried least, now one that this viewer is answered.
    pub fn rooted(&mut self, kind: &'static str, root: &str) -> Operation {
        let schema = self.schema.clone();
        let fields = schema.fields(root);
        let count = if kind == "query" && self.dice.percent(12) { 2 + self.dice.below(2) } else { 1 };
        let mut selections = Vec::new();
        for _ in 0..count {
            let name = |field: &&schema::Field| format!("{root}.{}", field.name);
            let fruitful: Vec<&schema::Field> =
                fields.iter().filter(|field| self.tried.get(&name(field)).is_some_and(|of| of.1 > 0)).collect();
            // Of one that is answered most often there is soon enough.
            let chance = if kind == "mutation" { 30 + 3 * fruitful.len().min(10) } else { 70 };
            let mut order: Vec<&schema::Field> =
                if !fruitful.is_empty() && self.dice.percent(chance) { fruitful } else { fields.iter().collect() };
            self.dice.shuffle(&mut order);
            let least = |field: &&schema::Field| self.tried.get(&name(field)).map_or(0, |of| of.0);
            let field = order.into_iter().min_by_key(least).unwrap();
            let field = if ENDS.contains(&field.name.as_str()) && self.dice.percent(85) {
                self.dice.pick(fields)
            } else {
                field
            };
            let depth = 1 + self.dice.below(3);
            self.names += 1;
            self.changes = kind == "mutation";
            let alias = if count > 1 { Some(format!("r{}", self.names)) } else { None };
            let mut made = self.field(root, field, depth);
            made.alias = alias.or(made.alias);
            self.changes = false;
            selections.push(Selection::Field(made));
        }
        Operation { kind, selections }
    }

    /// The next of all ways through the schema.
    fn way(&mut self) -> Operation {
        let way = match self.ways.pop() {
            Some(way) => way,
            None => {
                self.ways = self.schema.ways("Query", STEPS);
                self.dice.shuffle(&mut self.ways);
                self.ways.pop().unwrap()
            }
        };
        self.walked += 1;
        let selection = self.along("Query", &way);
        Operation { kind: "query", selections: vec![selection] }
    }

    /// The first step of a way, and inside it the rest.
    fn along(&mut self, on: &str, way: &[(String, String)]) -> Selection {
        let schema = self.schema.clone();
        let [(object, name), rest @ ..] = way else { panic!("a way has steps") };
        let definition = schema.field(object, name).unwrap();
        let mut field = self.bare(object, definition);
        let ty = field.ty.clone();
        // Along a way every list is short, or the whole would cost more than it may.
        if let Some(first) = definition.arguments.iter().find(|argument| argument.name == "first") {
            field.arguments.retain(|argument| !["first", "last", "before"].contains(&argument.name.as_str()));
            let value = Input::Int(self.dice.between(1, 3));
            let (name, ty) = (first.name.clone(), first.ty.to_string());
            field.arguments.push(Argument { name, ty, value, variable: false });
        }
        let inner = schema.through(&ty);
        let mut inside = self.leaves(&inner);
        if let [_, ..] = rest {
            inside.push(self.along(&inner, rest));
        }
        field.selections = if inner == ty { inside } else { self.page(&ty, inside) };
        if object == on {
            return Selection::Field(field);
        }
        let selections = vec![Selection::Field(field)];
        Selection::Fragment(Fragment {
            on: Some(object.clone()),
            named: self.dice.percent(30),
            included: false,
            selections,
        })
    }

    /// A page's own fields around those of what it is a page of.
    fn page(&mut self, ty: &str, inside: Vec<Selection>) -> Vec<Selection> {
        let schema = self.schema.clone();
        let plain = |this: &mut Self, on: &str, name: &str, selections: Vec<Selection>| {
            let mut field = this.bare(on, schema.field(on, name).unwrap());
            (field.alias, field.selections) = (None, selections);
            Selection::Field(field)
        };
        let mut page = Vec::new();
        if self.dice.percent(50) {
            page.push(plain(self, ty, "nodes", inside));
        } else {
            let edge = named(&schema.field(ty, "edges").unwrap().ty).to_owned();
            let cursor = plain(self, &edge, "cursor", Vec::new());
            let node = plain(self, &edge, "node", inside);
            page.push(plain(self, ty, "edges", vec![cursor, node]));
        }
        if self.dice.percent(30) {
            page.push(plain(self, ty, "totalCount", Vec::new()));
        }
        if self.dice.percent(60) {
            let names = ["endCursor", "startCursor", "hasNextPage", "hasPreviousPage"];
            let info = names.map(|name| plain(self, "PageInfo", name, Vec::new()));
            page.push(plain(self, ty, "pageInfo", info.into()));
        }
        page
    }

    /// Some fields of a type that are values.
    fn leaves(&mut self, ty: &str) -> Vec<Selection> {
        let schema = self.schema.clone();
        if let Kind::Abstract(fields, objects) = schema.kind(ty) {
            let mut selections: Vec<Selection> =
                fields.iter().map(|field| Selection::Field(self.bare(ty, field))).collect();
            selections.push(self.typename(ty));
            if self.dice.percent(70) {
                let object = self.rarest(objects);
                let selections_of = self.leaves(&object);
                let (on, named) = (Some(object), self.dice.percent(30));
                selections.push(Selection::Fragment(Fragment {
                    on,
                    named,
                    included: false,
                    selections: selections_of,
                }));
            }
            return selections;
        }
        let values: Vec<&schema::Field> =
            schema.fields(ty).iter().filter(|field| !schema.composite(named(&field.ty))).collect();
        if values.is_empty() {
            return vec![self.typename(ty)];
        }
        let all = self.dice.percent(30);
        let mut selections = Vec::new();
        for field in values {
            let chance = if self.coverage.of(&format!("{ty}.{}", field.name)) < 2 { 80 } else { 35 };
            if all || self.dice.percent(chance) {
                selections.push(Selection::Field(self.bare(ty, field)));
            }
        }
        if selections.is_empty() {
            selections.push(self.typename(ty));
        }
        selections
    }

    fn rarest(&mut self, objects: &[String]) -> String {
        let mut order = objects.to_vec();
        self.dice.shuffle(&mut order);
        if self.dice.percent(50) {
            return order.remove(0);
        }
        let seen = |object: &String| self.coverage.of(&format!("{object}.{}", self.schema.fields(object)[0].name));
        order.into_iter().min_by_key(seen).unwrap()
    }

    fn typename(&mut self, ty: &str) -> Selection {
        let (name, alias) = ("__typename".to_owned(), self.alias(8));
        let (arguments, selections) = (Vec::new(), Vec::new());
        Selection::Field(Field { on: ty.to_owned(), name, alias, arguments, ty: "String".to_owned(), selections })
    }

    fn alias(&mut self, chance: usize) -> Option<String> {
        self.names += 1;
        self.dice.percent(chance).then(|| format!("a{}", self.names))
    }

    /// A field with arguments and without a selection. One with arguments has a name of its own, so that it never meets
    /// another with other arguments.
    fn bare(&mut self, on: &str, field: &schema::Field) -> Field {
        let own = OWN_NAME.contains(&field.name.as_str());
        let arguments: Vec<Argument> = self
            .given(&format!("{on}.{}", field.name), &field.arguments)
            .into_iter()
            .map(|(name, ty, value)| {
                let variable = self.dice.percent(40);
                Argument { name, ty: ty.to_string(), value, variable }
            })
            .collect();
        let composite = self.schema.composite(named(&field.ty));
        let chance = match (own, arguments.is_empty() && !composite) {
            (true, _) => 0,
            (_, true) => 6,
            (_, false) => 40,
        };
        let alias = self.alias(chance);
        let (name, ty) = (field.name.clone(), named(&field.ty).to_owned());
        Field { on: on.to_owned(), name, alias, arguments, ty, selections: Vec::new() }
    }

    /// A field with whatever is selected of it.
    fn field(&mut self, on: &str, definition: &schema::Field, depth: usize) -> Field {
        let mut field = self.bare(on, definition);
        if self.schema.composite(&field.ty) {
            let ty = field.ty.clone();
            field.selections = self.selections(&ty, depth);
        }
        field
    }

    /// What is selected of a type: values, some objects below them, in fragments now and then.
    pub fn selections(&mut self, ty: &str, depth: usize) -> Vec<Selection> {
        let schema = self.schema.clone();
        let inner = schema.through(ty);
        if inner != ty {
            let inside = self.selections(&inner, depth);
            return self.page(ty, inside);
        }
        let mut selections = self.leaves(ty);
        if depth > 0 {
            // Of an interface or a union, one of its objects; of an object, itself.
            let object = self.rarest(&schema.objects(ty));
            let fields: Vec<&schema::Field> =
                schema.fields(&object).iter().filter(|field| schema.composite(named(&field.ty))).collect();
            let mut below = Vec::new();
            for _ in 0..usize::from(!fields.is_empty()) + usize::from(self.dice.percent(40)) {
                if let Some(field) = self.least(&object, &fields) {
                    let mut made = self.field(&object, field, depth - 1);
                    self.names += 1;
                    // Fields are met more than once in a selection; under names of their own they are not one.
                    made.alias = Some(format!("b{}", self.names));
                    below.push(Selection::Field(made));
                }
            }
            if object == ty {
                selections.extend(below);
            } else if !below.is_empty() {
                let named = self.dice.percent(30);
                let on = Some(object);
                selections.push(Selection::Fragment(Fragment { on, named, included: false, selections: below }));
            }
        }
        self.wrapped(ty, selections)
    }

    fn least<'a>(&mut self, on: &str, fields: &[&'a schema::Field]) -> Option<&'a schema::Field> {
        let mut order = fields.to_vec();
        self.dice.shuffle(&mut order);
        if self.dice.percent(50) {
            return order.first().copied();
        }
        order.into_iter().min_by_key(|field| self.coverage.of(&format!("{on}.{}", field.name)))
    }

    /// The same, with the last ones in a fragment: of the type, of an interface of it, or of no type.
    fn wrapped(&mut self, ty: &str, mut selections: Vec<Selection>) -> Vec<Selection> {
        if !self.dice.percent(15) || selections.len() < 2 {
            return selections;
        }
        let tail = selections.split_off(selections.len() - 1);
        let (named, included) = (self.dice.percent(40), self.dice.percent(20));
        let on = if named || self.dice.percent(60) { Some(ty.to_owned()) } else { None };
        selections.push(Selection::Fragment(Fragment { on, named, included, selections: tail }));
        if let Some(interface) = self.schema.interfaces(ty).first() {
            let id = self.schema.field(interface, "id").cloned();
            let inside = id.map(|id| Selection::Field(self.bare(interface, &id))).into_iter().collect();
            let on = Some(interface.clone());
            selections.push(Selection::Fragment(Fragment { on, named, included: false, selections: inside }));
        }
        selections
    }

    /// A question about the schema.
    fn about(&mut self) -> Operation {
        let leaf = |on: &str, name: &str| {
            let (on, name, ty) = (on.to_owned(), name.to_owned(), "String".to_owned());
            Selection::Field(Field { on, name, alias: None, arguments: Vec::new(), ty, selections: Vec::new() })
        };
        let names: Vec<String> = self.schema.types.keys().cloned().collect();
        let value = Input::Text(self.dice.pick(&names).clone());
        let (name, ty) = ("name".to_owned(), "String!".to_owned());
        let arguments = vec![Argument { name, ty, value, variable: false }];
        let selections = ["name", "kind", "description"].map(|name| leaf("__Type", name)).into();
        let (on, name, ty) = ("Query".to_owned(), "__type".to_owned(), "__Type".to_owned());
        let field = Field { on, name, alias: None, arguments, ty, selections };
        Operation { kind: "query", selections: vec![Selection::Field(field)] }
    }
}
