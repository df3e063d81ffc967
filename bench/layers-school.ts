import { columnOf, schemaOf } from '../test/support/sink-world.ts';

/** A school like that of the reference measurements: orders over students, their teachers, and courses. */
export interface SchoolSize {
  readonly orders: number;
  readonly students: number;
  readonly teachers: number;
  readonly courses: number;
  /** So many of the first orders are of course 1. */
  readonly hotCourseOrders?: number;
}

export const fullSize: SchoolSize = {
  orders: 5_000_000,
  students: 200_000,
  teachers: 2_000,
  courses: 5_000,
};

const text = { kind: 'string' } as const;
const int64 = { kind: 'int', bits: 64, unsigned: false } as const;
const money = { kind: 'decimal', precision: 10, scale: 2 } as const;
const present = { nullable: false };

export const schoolTables = [
  schemaOf('school.students', [
    columnOf('id', int64, present),
    columnOf('name', text, present),
    columnOf('city', text, present),
    columnOf('teacher_id', int64),
  ]),
  schemaOf('school.teachers', [
    columnOf('id', int64, present),
    columnOf('name', text, present),
    columnOf('department', text, present),
  ]),
  schemaOf('school.courses', [
    columnOf('id', int64, present),
    columnOf('title', text, present),
    columnOf('subject', text, present),
  ]),
  schemaOf('school.orders', [
    columnOf('id', int64, present),
    columnOf('student_id', int64, present),
    columnOf('course_id', int64, present),
    columnOf('amount', money, present),
    columnOf('status', text, present),
    columnOf('created_at', { kind: 'datetime', fsp: 0 }, present),
    columnOf('note', text, present),
  ]),
] as const;

/** Rows of each table without their versions, as a SELECT over `number`. */
export const schoolRows = {
  'school.students': ({ teachers }: SchoolSize) =>
    `toInt64(number + 1) AS id, concat('student ', toString(number)) AS name, concat('city ', toString(number % 300)) AS city, toInt64(cityHash64(number, 't') % ${teachers} + 1) AS teacher_id`,
  'school.teachers': () =>
    `toInt64(number + 1) AS id, concat('teacher ', toString(number)) AS name, concat('department ', toString(number % 40)) AS department`,
  'school.courses': () =>
    `toInt64(number + 1) AS id, concat('course ', toString(number)) AS title, concat('subject ', toString(number % 10)) AS subject`,
  // Orders are numbered as time goes by, over a year.
  'school.orders': ({ orders, students, courses, hotCourseOrders = 0 }: SchoolSize) =>
    `toInt64(number + 1) AS id, toInt64(cityHash64(number, 's') % ${students} + 1) AS student_id, if(number < ${hotCourseOrders}, toInt64(1), toInt64(cityHash64(number, 'c') % ${courses} + 1)) AS course_id, toDecimal64(number % 10000 / 100, 2) AS amount, if(number % 50 = 0, 'refunded', 'paid') AS status, toDateTime64('2026-01-01 00:00:00', 0, 'UTC') + intDiv(number * 31536000, ${orders}) AS created_at, '' AS note`,
} as const;

export type SchoolTable = keyof typeof schoolRows;

/** Three layers: every order with its dimensions; teacher, subject and day; teacher and month. */
export const schoolModels = {
  'dwd.order_wide': `-- key: order_id
SELECT o.id AS order_id, o.student_id, o.course_id, o.amount, o.status, toDate(o.created_at) AS day,
  s.name AS student, s.city, s.teacher_id, t.name AS teacher, t.department, c.title AS course, c.subject
FROM school.orders AS o
LEFT JOIN school.students AS s ON s.id = o.student_id
LEFT JOIN school.teachers AS t ON t.id = s.teacher_id
LEFT JOIN school.courses AS c ON c.id = o.course_id
`,
  'dws.teacher_day': `SELECT teacher_id, subject, day, sum(amount) AS amount, count() AS orders, count(DISTINCT student_id) AS students
FROM dwd.order_wide
GROUP BY teacher_id, subject, day
`,
  'ads.teacher_month': `SELECT teacher_id, toStartOfMonth(day) AS month, sum(amount) AS amount, sum(orders) AS orders, max(students) AS busiest_day
FROM dws.teacher_day
GROUP BY teacher_id, month
`,
} as const;
